"""A topic as it is lived with: messages come out of order, late and from the future while its hours are read."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.config.source import Feed, SourceConfig
from include.sources import open_source
from include.window import Window
from tests.fakes.kafka import FakeKafka, know_times

SEVEN = datetime(2026, 11, 5, 7, tzinfo=UTC)
FEED = {"name": "logs", "source": "bus", "dataset": "log_event", "options": {"topic": "logs"}}


def read(fake: FakeKafka, state: Path, lateness: timedelta, window: Window) -> Counter[str]:
    config = {"name": "bus", "type": "kafka", "lateness": lateness, "options": {"brokers": fake.brokers}}
    feed = Feed.model_validate({**FEED, "layout": {"columns": {"message": "msg"}}})
    source = open_source(SourceConfig.model_validate(config), feed, state=str(state))
    return Counter(row["message"] for batch in source.read(window) for row in batch.to_pylist())


@pytest.mark.parametrize("minutes_late", [0, 1, 5, 120])
def test_every_message_is_in_exactly_one_window_when_late_windows_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes_late: int
) -> None:
    dice, lateness = random.Random(minutes_late), timedelta(minutes=minutes_late)
    windows: dict[Window, Counter[str]] = {}
    with FakeKafka() as fake:
        know_times(monkeypatch, fake)
        arrivals = [number / 400 * 240 for number in range(400)]
        shifts = [0, 0, 0, dice.uniform(-5, 5), dice.uniform(-6, 0), dice.uniform(-90, 0), 500]
        for hour in range(1, 6):
            while arrivals and arrivals[0] < hour * 60 + 1:
                number = 400 - len(arrivals)
                minute = arrivals.pop(0) + dice.choice(shifts) * dice.choice([0, 1])
                text = json.dumps({"msg": f"{number}"})
                fake.write("logs", text, SEVEN + timedelta(minutes=minute), partition=number % 2)
            fake.settle()
            window = Window(SEVEN + timedelta(hours=hour - 1), SEVEN + timedelta(hours=hour))
            again = [late for late in windows if late.end > window.start - lateness]
            for one in (window, *again):
                windows[one] = read(fake, tmp_path, lateness, one)
        before = Window(SEVEN - timedelta(days=1), SEVEN)
        after = Window(SEVEN + timedelta(hours=5), SEVEN + timedelta(days=1))
        for one in (before, after):
            windows[one] = read(fake, tmp_path, lateness, one)
    assert sum(windows.values(), Counter()) == Counter(f"{number}" for number in range(400))
