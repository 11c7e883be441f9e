from datetime import UTC, datetime, timedelta

import pytest

from include.capacity.recommend import Advice, Outlook, State, recommend

NOW = datetime(2026, 11, 5, tzinfo=UTC)


def advice(
    growth: float = 1.0,
    peak: float = 50.0,
    limit: float | None = 100.0,
    reached: bool = False,
    touched: int = 0,
    days: tuple[float | None, float | None, float | None] = (None, None, None),
    within: tuple[float, float, float] = (0.0, 0.0, 0.0),
    set_aside: int = 0,
) -> Advice:
    p10, p50, p90 = (None if day is None else NOW + timedelta(days=day) for day in days)
    return recommend(Outlook(NOW, growth, peak, limit, reached, touched, (p10, p50, p90), within, set_aside))


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
    found = advice(growth, limit=None)
    assert (found.state, found.recommendation) == (state, what)


@pytest.mark.parametrize(
    ("within", "state"),
    [
        ((0.5, 0.9, 1.0), State.ACT_NOW),
        ((0.49, 0.5, 1.0), State.ACT_THIS_WEEK),
        ((0.0, 0.49, 0.5), State.PLAN),
        ((0.0, 0.1, 0.25), State.KEEP_BUFFER),
        ((0.0, 0.0, 0.24), State.ADEQUATE),
    ],
)
def test_with_a_limit_the_time_to_exhaustion_decides(within: tuple[float, float, float], state: State) -> None:
    assert advice(days=(9, 12, 40), within=within).state is state


def test_a_full_disk_is_exhausted() -> None:
    assert advice(reached=True, within=(1.0, 1.0, 1.0)).state is State.EXHAUSTED


@pytest.mark.parametrize(("peak", "factor"), [(120.0, "1.5"), (121.0, "1.6"), (81.0, "1.1"), (60.0, "1.1")])
def test_how_much_to_provide_is_the_predicted_peak_and_a_quarter_rounded_up(peak: float, factor: str) -> None:
    found = advice(growth=1.0, peak=peak, days=(9, 12, 14), within=(1.0, 1.0, 1.0))
    assert found.recommendation == f"Act now: provide {factor} times as much."


def test_a_peak_that_leaves_less_than_a_quarter_asks_for_the_buffer_and_no_more() -> None:
    assert advice(peak=80.0).state is State.ADEQUATE
    assert advice(peak=84.0).recommendation == "Keep a 25% buffer: provide 1.1 times as much when it is next changed."


def test_fast_growth_towards_a_limit_out_of_reach_is_no_reason_to_act() -> None:
    found = advice(growth=80.0, peak=60.0)
    assert found.state is State.ADEQUATE
    assert found.reason == (
        "The predicted peak is 60% of the limit, growth 80% in 30 days; the limit is not reached within 90 days."
    )


def test_the_reason_names_the_dates_and_the_probability_in_words_and_digits() -> None:
    found = advice(days=(25, 28, 34), within=(0.0, 0.8, 1.0))
    assert found.reason == "The limit is reached on 03 Dec (80%: 30 Nov to 09 Dec); within 30 days: likely (80%)."


def test_peaks_that_are_at_the_limit_most_days_are_told_as_days() -> None:
    found = advice(touched=4, days=(0, 0, 0), within=(1.0, 1.0, 1.0), peak=96.0)
    assert found.recommendation == "Act now: provide 1.2 times as much."
    assert found.reason == "Its usual peaks were at the limit on 4 of the last 7 days."


def test_the_reason_says_how_many_hours_were_set_aside() -> None:
    assert advice(set_aside=1).reason.endswith("90 days. 1 unusual hour (an incident) set aside.")
    assert advice(set_aside=7).reason.endswith("90 days. 7 unusual hours (incidents) set aside.")
