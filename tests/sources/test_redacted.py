from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from include.config.redaction import Redaction
from include.datasets import LOG_EVENT
from include.sources import SourceUnavailable
from include.sources.redacted import RedactedSource
from include.window import Window

WINDOW = Window.parse("2026-11-05T07")


class Given:
    """A source whose answer is there already; it fails after it where `fails`."""

    warnings: list[str] = []  # noqa: RUF012

    def __init__(self, batches: int, fails: bool = False) -> None:
        self.batches, self.fails, self.given = batches, fails, 0

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        for number in range(self.batches):
            row = {"ts": datetime(2026, 11, 5, 7, tzinfo=UTC), "message": f"{number}: jane@example.org at 10.0.0.1"}
            self.given += 1
            yield pa.RecordBatch.from_pylist([row] * 3, schema=LOG_EVENT.schema)
        if self.fails:
            raise SourceUnavailable("The source went away.")


def test_batches_come_redacted_and_in_their_order_and_what_was_hidden_is_counted() -> None:
    source = RedactedSource(Given(20))
    messages = [batch["message"].to_pylist() for batch in source.read(WINDOW)]
    assert messages == [[f"{number}: <email> at <ip>"] * 3 for number in range(20)]
    assert source.redactions == {"email": 60, "ip": 60}
    assert len(list(source.read(WINDOW))) == 20
    assert source.redactions == {"email": 60, "ip": 60}


def test_a_kind_that_is_switched_off_is_left() -> None:
    source = RedactedSource(Given(1), Redaction(kinds={"email": False}))
    assert [batch["message"][0].as_py() for batch in source.read(WINDOW)] == ["0: jane@example.org at <ip>"]


def test_only_a_few_batches_are_read_ahead_of_the_writer() -> None:
    given = Given(50)
    reading = RedactedSource(given).read(WINDOW)
    next(reading)
    assert given.given == 3
    reading.close()
    assert given.given == 3


def test_an_error_of_the_source_is_its_own() -> None:
    with pytest.raises(SourceUnavailable, match="went away"):
        list(RedactedSource(Given(1, fails=True)).read(WINDOW))
