"""The shop on each engine, empty or with three usual hours loaded."""

from pathlib import Path

import pytest

from include.window import Window
from tests.orchestration.shop import Shop


@pytest.fixture
def shop(tmp_path: Path, warehouse_url: str) -> Shop:
    """Return a shop that has not been asked for anything yet."""
    return Shop.at(tmp_path, warehouse_url)


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    """Return a shop whose hours from six to nine are loaded."""
    hours = Window.parse("2026-11-05T06:00/2026-11-05T10:00")
    shop.usual(hours)
    shop.ingest(hours)
    return shop
