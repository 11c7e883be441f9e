"""Novelty, rareness and strangeness on values small enough to check by hand."""

import numpy as np
import pytest

from models.pool_memory import LARGEST, keep, nearest, rareness, remember, strangeness


def test_the_nearest_value_and_the_place_of_a_new_one() -> None:
    known = np.array([1.0, 4.0, 9.0, 0.0])
    assert nearest(known, 3, 5.0) == (1.0, 2)
    assert nearest(known, 3, 20.0) == (11.0, 3)
    remember(known, 3, 5.0, 2)
    assert known.tolist() == [1.0, 4.0, 5.0, 9.0]


def test_only_the_largest_deviations_are_kept() -> None:
    largest, held = np.zeros(LARGEST), 0
    for deviation in range(30):
        held = keep(largest, held, float(deviation))
    assert held == LARGEST
    assert largest.tolist() == list(np.arange(20.0, 30.0))
    assert keep(largest, held, 5.0) == LARGEST
    assert largest[0] == 20.0


def test_what_is_no_larger_than_those_remembered_is_not_rare() -> None:
    largest = np.arange(2.0, 2.0 + LARGEST)
    assert rareness(largest, LARGEST, 1_000, 2.0) == 0.0
    assert rareness(np.zeros(LARGEST), 0, 1_000, 50.0) == 0.0


def test_rareness_is_the_log_of_a_chance_under_a_pareto_tail() -> None:
    flat = np.full(LARGEST, 2.0)  # a stretch of 0: the exponent is (10 + 10) / (10 / 6) = 12
    assert rareness(flat, LARGEST, 1_000, 4.0) == pytest.approx(np.log(100) + 12 * np.log(2))
    heavy = 2.0 * np.exp(np.arange(LARGEST))  # stretch 45: the exponent is 20 / (45 + 10 / 6)
    assert rareness(heavy, LARGEST, 1_000, 4.0) == pytest.approx(np.log(100) + 20 / (45 + 10 / 6) * np.log(2))


def test_a_window_seen_before_is_not_strange_and_a_new_one_is_by_its_distance() -> None:
    values = np.tile([0.0, 1.0, 2.0, 3.0], 20)
    best = np.empty(3)
    assert strangeness(values, 0, 79, 4, 1, best) == 0.0
    values[79] += 8.0
    assert strangeness(values, 0, 79, 4, 1, best) == pytest.approx(8.0 / 2.0)  # one of four samples, per sample
    assert strangeness(values, 0, 5, 4, 1, best) == 0.0  # nothing to compare with
