from datetime import UTC, datetime, timedelta

import pytest

from include.capacity.recommend import State, recommend

NOW = datetime(2026, 11, 5, tzinfo=UTC)


def after(*days: float | None) -> list[datetime | None]:
    return [None if day is None else NOW + timedelta(days=day) for day in days]


@pytest.mark.parametrize(
    ("growth", "state", "what"),
    [
        (50.1, State.ACT_NOW, "Act now: provide 2 times as much."),
        (50.0, State.ACT_THIS_WEEK, "Within a week provide 1.5 times as much."),
        (20.0, State.KEEP_BUFFER, "Keep a 25% buffer."),
        (0.0, State.ADEQUATE, "Adequate; nothing to do."),
        (-5.0, State.ADEQUATE, "Adequate; nothing to do."),
    ],
)
def test_without_a_limit_growth_decides(growth: float, state: State, what: str) -> None:
    advice = recommend(NOW, growth, limited=False, times=after(None, None, None), likely=0.0)
    assert (advice.state, advice.recommendation) == (state, what)


@pytest.mark.parametrize(
    ("times", "state"),
    [
        (after(0, 0, 0), State.EXHAUSTED),
        (after(7, 9, 12), State.ACT_NOW),
        (after(7.1, 9, 12), State.ACT_THIS_WEEK),
        (after(30, 40, 50), State.ACT_THIS_WEEK),
        (after(31, 60, None), State.KEEP_BUFFER),
        (after(None, None, None), State.ADEQUATE),
    ],
)
def test_with_a_limit_the_time_to_exhaustion_decides(times: list[datetime | None], state: State) -> None:
    assert recommend(NOW, 1.0, limited=True, times=times, likely=0.5).state is state


def test_fast_growth_towards_a_limit_out_of_reach_is_no_reason_to_act() -> None:
    advice = recommend(NOW, 80.0, limited=True, times=after(None, None, None), likely=0.0)
    assert advice.state is State.KEEP_BUFFER
    assert advice.reason == "Growth of 80% in 30 days does not reach the limit within 90 days."


def test_the_reason_names_the_dates_and_the_probability_in_words_and_digits() -> None:
    advice = recommend(NOW, 10.0, limited=True, times=after(25, 28, 34), likely=0.8)
    assert advice.reason == "The limit is reached on 03 Dec (80%: 30 Nov to 09 Dec); within 30 days: likely (80%)."
