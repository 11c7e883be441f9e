"""NAB's rules on cases worked by hand."""

import numpy as np
import pytest

from benchmarks.nab_score import Marked, Profile, best_score, corpus_score, normalised, sigmoid

STANDARD = Profile(tp=1.0, fp=0.11, fn=1.0)
LOW_FN = Profile(tp=1.0, fp=0.11, fn=2.0)
ONE = Marked.of(1_000, [(400, 499)])


def flags(size: int, *rows: int) -> np.ndarray:
    flagged = np.zeros(size, bool)
    flagged[list(rows)] = True
    return flagged


def test_the_sigmoid_has_the_values_that_the_paper_gives() -> None:
    places = np.array([-1.0, -0.5, 0.0, 1.0, 3.0, 10.0])
    assert sigmoid(places) == pytest.approx([0.98661, 0.84828, 0.0, -0.98661, -1.0, -1.0], abs=1e-5)


def test_the_first_row_of_a_window_is_worth_one_and_the_middle_0_86() -> None:
    assert ONE.score(flags(1_000, 400), STANDARD) == pytest.approx(1.0)
    assert ONE.score(flags(1_000, 450), STANDARD) == pytest.approx(0.84828 / 0.98661, abs=1e-4)


def test_only_the_earliest_row_of_a_window_counts() -> None:
    assert ONE.score(flags(1_000, 450, 460, 499), STANDARD) == ONE.score(flags(1_000, 450), STANDARD)


def test_a_false_point_before_any_window_costs_in_full_and_just_behind_one_little() -> None:
    missed = -1.0
    assert ONE.score(flags(1_000, 300), STANDARD) == pytest.approx(missed - 0.11)
    behind = 2 / (1 + np.exp(5 / 99)) - 1
    assert ONE.score(flags(1_000, 500), STANDARD) == pytest.approx(missed + 0.11 * behind)
    assert ONE.score(flags(1_000, 900), STANDARD) == pytest.approx(missed - 0.11)


def test_the_first_15_percent_but_no_more_than_750_rows_count_nothing() -> None:
    assert ONE.score(flags(1_000, *range(150)), STANDARD) == -1.0
    assert Marked.of(20_000, []).probation == 750
    assert Marked.of(1_007, []).probation == 151


def test_saying_nothing_is_0_perfection_100_and_one_of_two_50() -> None:
    corpus = [ONE, Marked.of(1_000, [(600, 699)])]
    nothing, found = flags(1_000), flags(1_000, 400)
    for profile in (STANDARD, LOW_FN):
        assert corpus_score([nothing, nothing], corpus, profile) == pytest.approx(0.0)
        assert corpus_score([found, flags(1_000, 600)], corpus, profile) == pytest.approx(100.0)
        assert corpus_score([found, nothing], corpus, profile) == pytest.approx(50.0)
    assert normalised(-4.0, corpus, LOW_FN) == pytest.approx(0.0)


def test_the_best_threshold_is_that_of_trying_them_all() -> None:
    rng = np.random.default_rng(3)
    corpus = [Marked.of(1_000, [(400, 449), (800, 849)]), Marked.of(1_500, [(900, 999)]), Marked.of(900, [])]
    scores = [np.round(rng.normal(size=len(one.window)) + (one.window >= 0), 1) for one in corpus]
    for profile in (STANDARD, LOW_FN):
        tried = {
            float(limit): corpus_score([score >= limit for score in scores], corpus, profile)
            for limit in np.unique(np.concatenate(scores))
        }
        value, threshold = best_score(scores, corpus, profile)
        assert value == pytest.approx(max(tried.values()))
        assert tried[threshold] == pytest.approx(value)


def test_where_no_threshold_helps_the_best_says_nothing() -> None:
    assert best_score([np.zeros(900)], [Marked.of(900, [(800, 801)])], STANDARD) == (0.0, float("inf"))
