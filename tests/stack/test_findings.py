"""What was found, held against what was planted."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from include.stack.findings import match
from include.window import Window

DAY = Window(datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC))


def at(hour: int, minute: int = 0) -> datetime:
    return DAY.start + timedelta(hours=hour, minutes=minute)


def fault(name: str, service: str, start: datetime, end: datetime, precursor: datetime | None = None) -> dict:
    return {
        "id": name,
        "kind": "cpu",
        "start": start.isoformat(),
        "end": end.isoformat(),
        "precursor_start": precursor.isoformat() if precursor else None,
        "affected": [{"service": service, "onset": start.isoformat(), "end": end.isoformat()}],
    }


def episodes(*rows: tuple[str, datetime, datetime]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["service", "first_ts", "last_ts"])
    return frame.astype({"first_ts": "datetime64[us, UTC]", "last_ts": "datetime64[us, UTC]"})


FAULTS = [fault("f1", "cart", at(3), at(4)), fault("f2", "search", at(10), at(11), precursor=at(8))]


def test_a_fault_is_found_by_an_episode_on_a_service_that_it_affects():
    found = match(episodes(("cart", at(3, 6), at(3, 40))), FAULTS, DAY, services=2)
    assert (found.planted, found.found, found.false_episodes) == (2, 1, 0)
    assert found.median_delay_minutes == 6.0
    assert found.missed == ["cpu (f2)"]
    assert found.recall == 0.5


def test_an_episode_at_another_time_or_on_another_service_is_false():
    found = match(episodes(("cart", at(6), at(7)), ("search", at(3), at(4))), FAULTS, DAY, services=2)
    assert (found.found, found.false_episodes, found.false_per_service_day) == (0, 2, 1.0)


def test_an_episode_in_a_precursor_is_not_false_and_finds_the_fault_only_if_it_lasts_to_its_onset():
    early = match(episodes(("search", at(8, 10), at(8, 30))), FAULTS, DAY, services=2)
    assert (early.found, early.false_episodes) == (0, 0)
    lasting = match(episodes(("search", at(8, 10), at(10, 5))), FAULTS, DAY, services=2)
    assert (lasting.found, lasting.median_delay_minutes) == (1, 0.0)


@pytest.mark.parametrize("minutes", [14, 16])
def test_an_episode_may_come_a_quarter_of_an_hour_after_the_end(minutes: int):
    found = match(episodes(("cart", at(4, minutes), at(4, minutes + 5))), FAULTS, DAY, services=2)
    assert found.found == (1 if minutes <= 15 else 0)


def test_nothing_found_and_nothing_planted_is_no_failure():
    found = match(episodes(), [], DAY, services=2)
    assert (found.recall, found.false_per_service_day, found.median_delay_minutes) == (1.0, 0.0, None)
