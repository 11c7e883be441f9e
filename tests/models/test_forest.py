"""The forest's compiled scores."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from models.forest import Forest


@pytest.mark.parametrize(("rows", "samples"), [(3, 2), (50, 50), (1_003, 256), (2_000, 999)])
def test_scores_equal_scikit_learns_within_a_billionth(rows: int, samples: int) -> None:
    x = np.random.default_rng(1).standard_t(2, size=(rows, 16)).astype(np.float32)
    fitted = IsolationForest(n_estimators=40, max_samples=samples, random_state=0).fit(x)
    assert np.abs(Forest.of(fitted).score(x) + fitted.score_samples(x)).max() < 1e-9


def test_values_on_a_threshold_go_the_way_they_go_in_scikit_learn() -> None:
    x = np.random.default_rng(1).integers(0, 3, size=(500, 4)).astype(np.float32)
    fitted = IsolationForest(n_estimators=50, max_samples=128, random_state=0).fit(x)
    edges = np.concatenate([tree.tree_.threshold for tree in fitted.estimators_])[:400].astype(np.float32)
    probe = np.repeat(edges[:, None], 4, axis=1)
    assert np.abs(Forest.of(fitted).score(probe) + fitted.score_samples(probe)).max() < 1e-9


def test_equal_rows_grow_a_forest_that_finds_nothing_strange() -> None:
    x = np.ones((100, 16), np.float32)
    assert np.allclose(Forest.grow(x, 10, 64, seed=0).score(x), 0.5)


def test_a_forest_comes_back_from_its_arrays_and_threads_change_nothing() -> None:
    x = np.random.default_rng(1).normal(size=(777, 16)).astype(np.float32)
    forest = Forest.grow(x, 20, 256, seed=3)
    again = Forest.from_arrays(forest.arrays())
    assert np.array_equal(forest.score(x), again.score(x, threads=3))
