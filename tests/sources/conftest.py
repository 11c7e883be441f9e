"""What the tests of sources share: short ways to a source's configuration, and a wide table of what it reads."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.config.query import MetricQuery
from include.config.source import Feed, SourceConfig
from include.sources import Source, open_source
from include.window import Window


class Ask:
    """Builds sources and reads them."""

    @staticmethod
    def metrics(source: dict[str, Any], query: dict[str, Any], **options: Any) -> Source:
        config = SourceConfig.model_validate({"name": "shop", **source})
        asked = {"name": "cpu", "sources": ["shop"], "kind": "other", "unit": "ratio", **query}
        return open_source(config, MetricQuery.model_validate(asked), **options)

    @staticmethod
    def feed(source: dict[str, Any], query: dict[str, Any], **options: Any) -> Source:
        config = SourceConfig.model_validate({"name": "shop", **source})
        return open_source(config, Feed.model_validate({"name": "feed", "source": "shop", **query}), **options)

    @staticmethod
    def table(source: Source, window: Window) -> pa.Table:
        batches = list(source.read(window))
        for batch in batches:
            batch.validate(full=True)
        return pa.Table.from_batches(batches, batches[0].schema) if batches else pa.table({})

    @staticmethod
    def rows(source: Source, window: Window) -> list[dict[str, Any]]:
        return Ask.table(source, window).to_pylist()


@pytest.fixture
def ask() -> type[Ask]:
    return Ask


def at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
