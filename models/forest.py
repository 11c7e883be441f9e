"""An isolation forest as plain arrays, scored by a compiled kernel: scikit-learn's numbers at twice its speed.

Every tree is stored as a perfect binary tree of the forest's depth, so that a row goes down without a branch: the next
node is `2 * node + 1 + (x > threshold)`. A leaf above the bottom repeats itself down its left side with an infinite
threshold. Eight rows go down together, so that the processor always has a load to do while it waits for another.

Score: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008, 2 ** (-E[path length] / c(sample size)); 0.5 is ordinary.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from include.features.panel import over_slices

Matrix = npt.NDArray[np.float32]


@njit(cache=True, nogil=True, boundscheck=False)
def _descend(x, feature, threshold, length, depth, out):  # type: ignore[no-untyped-def]
    """Add each tree's path length to `out`; `x` is [rows, features], rows a multiple of eight."""
    trees = feature.shape[0]
    rows, width = x.shape
    inner = feature.shape[1]
    flat = x.ravel()
    block = 1024
    for begin in range(0, rows, block):
        end = min(begin + block, rows)
        for tree in range(trees):
            split, limit, leaf = feature[tree], threshold[tree], length[tree]
            for row in range(begin, end, 8):
                r0 = row * width
                r1 = r0 + width
                r2 = r1 + width
                r3 = r2 + width
                r4 = r3 + width
                r5 = r4 + width
                r6 = r5 + width
                r7 = r6 + width
                a = b = c = d = e = f = g = h = np.int64(0)
                for _ in range(depth):
                    a = 2 * a + 1 + np.int64(flat[r0 + split[a]] > limit[a])
                    b = 2 * b + 1 + np.int64(flat[r1 + split[b]] > limit[b])
                    c = 2 * c + 1 + np.int64(flat[r2 + split[c]] > limit[c])
                    d = 2 * d + 1 + np.int64(flat[r3 + split[d]] > limit[d])
                    e = 2 * e + 1 + np.int64(flat[r4 + split[e]] > limit[e])
                    f = 2 * f + 1 + np.int64(flat[r5 + split[f]] > limit[f])
                    g = 2 * g + 1 + np.int64(flat[r6 + split[g]] > limit[g])
                    h = 2 * h + 1 + np.int64(flat[r7 + split[h]] > limit[h])
                out[row] += leaf[a - inner]
                out[row + 1] += leaf[b - inner]
                out[row + 2] += leaf[c - inner]
                out[row + 3] += leaf[d - inner]
                out[row + 4] += leaf[e - inner]
                out[row + 5] += leaf[f - inner]
                out[row + 6] += leaf[g - inner]
                out[row + 7] += leaf[h - inner]


@dataclass(frozen=True)
class Forest:
    """T trees of depth D: split feature and threshold `[T, 2**D - 1]`, path length of each bottom node `[T, 2**D]`."""

    feature: npt.NDArray[np.int32]
    threshold: Matrix
    length: npt.NDArray[np.float64]
    normal: float  # T times the mean path length of an unsuccessful search among the samples of a tree

    @classmethod
    def grow(cls, x: Matrix, trees: int, samples: int, seed: int, threads: int = 1) -> "Forest":
        """Fit scikit-learn's IsolationForest on `x [rows, features]`, and return its trees."""
        from sklearn.ensemble import IsolationForest

        drawn = min(samples, len(x))
        fitted = IsolationForest(n_estimators=trees, max_samples=drawn, random_state=seed, n_jobs=threads)
        return cls.of(fitted.fit(x))

    @classmethod
    def of(cls, fitted: Any) -> "Forest":
        """Return the trees of a fitted scikit-learn `IsolationForest` that uses every feature in every tree."""
        depth = max(1, *(tree.tree_.max_depth for tree in fitted.estimators_))
        parts = [_perfect(tree.tree_, depth) for tree in fitted.estimators_]
        feature, threshold, length = (np.stack(part) for part in zip(*parts, strict=True))
        normal = len(parts) * float(_average_path(np.array([fitted.max_samples_]))[0])
        return cls(feature, threshold, length, normal)

    def score(self, x: Matrix, threads: int = 1) -> npt.NDArray[np.float64]:
        """Return the score of each row, 0 to 1; equal to `-IsolationForest.score_samples(x)` within 1e-9."""
        rows = len(x)
        padded = np.zeros((-(-rows // 8) * 8, x.shape[1]), np.float32)
        padded[:rows] = x
        total = np.zeros(len(padded))
        depth = int(np.log2(self.length.shape[1]))
        bounds = np.linspace(0, len(padded) // 8, threads + 1).astype(int) * 8

        def work(part: slice) -> None:
            _descend(padded[part], self.feature, self.threshold, self.length, depth, total[part])

        over_slices([slice(a, b) for a, b in pairwise(bounds) if b > a], work)
        return np.exp2(-total[:rows] / self.normal)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the forest as named arrays."""
        return {
            "forest_feature": self.feature,
            "forest_threshold": self.threshold,
            "forest_length": self.length,
            "forest_normal": np.array([self.normal]),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> "Forest":
        """Return the forest that `arrays` gave."""
        return cls(
            arrays["forest_feature"],
            arrays["forest_threshold"],
            arrays["forest_length"],
            float(arrays["forest_normal"][0]),
        )


def _average_path(count: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the mean path length of an unsuccessful search in a binary tree of `count` samples (Liu et al., eq. 1)."""
    safe = np.maximum(count, 3).astype(float)
    long = 2.0 * (np.log(safe - 1.0) + np.euler_gamma) - 2.0 * (safe - 1.0) / safe
    return np.where(count <= 1, 0.0, np.where(count == 2, 1.0, long))


def _perfect(tree: Any, depth: int) -> tuple[npt.NDArray[np.int32], Matrix, npt.NDArray[np.float64]]:
    """Lay one tree out level by level, all its nodes of a level at once."""
    feature = np.zeros(2**depth - 1, np.int32)
    threshold = np.full(2**depth - 1, np.inf, np.float32)
    level = np.zeros(1, np.int64)  # the tree's own node at each place of the level; a leaf stays on the left
    steps = np.zeros(1)
    for height in range(depth):
        inner = tree.children_left[level] >= 0
        here = slice(2**height - 1, 2 ** (height + 1) - 1)
        feature[here] = np.where(inner, tree.feature[level], 0)
        threshold[here] = np.where(inner, _round_down(tree.threshold[level]), np.inf)
        below = np.empty(2 * len(level), np.int64)
        below[0::2] = np.where(inner, tree.children_left[level], level)
        below[1::2] = np.where(inner, tree.children_right[level], level)
        steps = np.repeat(steps + inner, 2)
        level = below
    return feature, threshold, steps + _average_path(tree.n_node_samples[level])


def _round_down(threshold: npt.NDArray[np.float64]) -> Matrix:
    """Return the largest float32 not above each threshold: a float32 value exceeds both or neither."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
