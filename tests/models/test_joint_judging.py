"""How detection is judged in the benchmarks: events, false episodes, delays, baselines."""

import numpy as np
import pytest

from benchmarks.detection import BASELINES, QUIET, baselines, bootstrap, events, operating_point

SIZE, STEP = 1_440, 60


def flags(*rows: slice | int) -> np.ndarray:
    found = np.zeros(SIZE, bool)
    for row in rows:
        found[row] = True
    return found


LABELS = flags(slice(300, 320), slice(900, 905))


def test_events_are_the_runs_of_labels():
    assert events(LABELS).tolist() == [[300, 320], [900, 905]]
    assert events(flags()).tolist() == []


def test_an_event_counts_as_found_by_a_point_inside_it_and_the_delay_is_to_the_first():
    point = operating_point(LABELS, flags(304, 306), STEP)
    assert (point.events, point.found, point.false_episodes) == (2, 1, 0)
    assert point.recall == 0.5
    assert point.delays.tolist() == [4]
    assert point.event_f1 == pytest.approx(2 / 3)


def test_a_point_beside_an_event_neither_finds_it_nor_is_false():
    near = QUIET // STEP
    assert operating_point(LABELS, flags(299, 320, 905 + near - 1), STEP).found == 0
    assert operating_point(LABELS, flags(299, 320, 905 + near - 1), STEP).false_episodes == 0
    assert operating_point(LABELS, flags(905 + near), STEP).false_episodes == 1


def test_false_points_within_half_an_hour_are_one_episode():
    assert operating_point(LABELS, flags(600, 630), STEP).false_episodes == 1
    assert operating_point(LABELS, flags(600, 631), STEP).false_episodes == 2
    assert operating_point(LABELS, flags(600, 631), STEP).false_per_day == 2.0


def test_an_alarm_that_never_ends_is_not_one_false_episode():
    point = operating_point(LABELS, np.ones(SIZE, bool), STEP)
    assert point.recall == 1.0
    assert point.false_episodes == 8  # of 4.5, 8.7 and 8.4 hours
    assert point.event_f1 == pytest.approx(1 / 3)


def test_without_events_there_is_no_recall():
    point = operating_point(flags(), flags(5), STEP)
    assert np.isnan(point.recall)
    assert np.isnan(point.event_f1)
    assert point.false_episodes == 1


def test_the_bootstrap_covers_the_mean_and_ignores_what_is_missing():
    low, high = bootstrap(np.array([0.2, 0.4, np.nan, 0.6]))
    assert 0.2 <= low < 0.4 < high <= 0.6
    assert all(np.isnan(bootstrap(np.array([np.nan]))))


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize("metrics", [1, 4])
def test_every_baseline_is_causal_and_finite(name: str, metrics: int):
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(500, metrics)), rng.normal(size=(300, metrics))
    train[:, 0] = 1.0  # one metric never moves
    later = test.copy()
    later[200:] += 50.0
    before, after = (BASELINES[name](train, values, 3) for values in (test, later))
    assert before.shape == (300,)
    assert np.isfinite(after).all()
    assert np.array_equal(before[:200], after[:200])


def test_a_large_deviation_stands_out_in_every_baseline_but_the_random_ones():
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(2_000, 4)), rng.normal(size=(400, 4))
    test[300:310] += 12.0
    for name, score in baselines(train, test).items():
        if "random" not in name:
            assert score[300:310].min() > np.quantile(score[:300], 0.95), name
