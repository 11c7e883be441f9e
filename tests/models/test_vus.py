"""VUS-PR against a plain transcription of TSB-AD's definition, and in cases where it is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.vus import natural_window, segments, vus_pr


def plain(labels: np.ndarray, score: np.ndarray, window: int, quantiles: int) -> float:
    """The definition, one threshold and one tolerance at a time."""
    starts, ends = segments(labels)
    size, areas = len(labels), []
    for width in range(window + 1):
        soft = labels.astype(float)
        for a, b in zip(starts, ends, strict=True):
            for k in range(1, width // 2 + 1):
                for at in (b + k, a - k):
                    if 0 <= at < size:
                        soft[at] += (1 - k / width) ** 0.5
        soft = np.minimum(soft, 1)
        wide: list[list[int]] = []
        for a, b in zip(starts, ends, strict=True):
            low, high = max(a - width // 2, 0), min(b + width // 2, size - 1)
            if wide and low <= wide[-1][1]:
                wide[-1][1] = high
            else:
                wide.append([low, high])
        area, before = 0.0, 0.0
        for threshold in np.sort(score)[::-1][np.linspace(0, size - 1, quantiles).astype(int)]:
            hit = score >= threshold
            caught = (soft * hit).sum()
            positives = (labels.sum() + labels.sum() + (soft * hit)[~labels].sum()) / 2
            touched = np.mean([hit[a : b + 1].any() for a, b in wide])
            recall = min(caught / positives, 1) * touched
            area += (recall - before) * caught / hit.sum()
            before = recall
        areas.append(area)
    return float(np.mean(areas))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9))
def test_it_equals_the_definition(seed: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros(80, bool)
    for at in rng.integers(0, 78, 3):
        labels[at : at + rng.integers(1, 6)] = True
    score = np.round(rng.normal(size=80) + labels, 1)
    assert vus_pr(labels, score, window, 25) == pytest.approx(plain(labels, score, window, 25))


def test_a_perfect_score_reaches_one_and_a_constant_one_the_share_of_labels() -> None:
    labels = np.zeros(1_000, bool)
    labels[500:550] = True
    assert vus_pr(labels, labels.astype(float), 0) == 1.0
    assert vus_pr(labels, np.ones(1_000), 0) == pytest.approx(0.05)


def test_without_labels_there_is_no_answer() -> None:
    assert np.isnan(vus_pr(np.zeros(10, bool), np.ones(10), 3))


def test_the_natural_window_of_a_season_is_its_length() -> None:
    assert natural_window(np.sin(np.arange(5_000) * 2 * np.pi / 48)) == 48
    assert natural_window(np.ones(500)) == 125
