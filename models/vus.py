"""VUS-PR: the volume under the precision-recall surface over label tolerances, without point adjustment.

Paparrizos et al., "Volume Under the Surface: a New Accuracy Evaluation Measure for Time-Series Anomaly Detection",
PVLDB 15(11), 2022, as TSB-AD (Liu and Paparrizos, NeurIPS 2024) computes it: labels fall off as a square root over half
a window on both sides, recall is discounted by the share of events touched, thresholds are 250 score quantiles.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

QUANTILES = 250
FALLBACK_WINDOW = 125


def vus_pr(labels: Flags, score: Floats, window: int, quantiles: int = QUANTILES) -> float:
    """Return VUS-PR, 0 to 1, of scores against labels, averaged over tolerances of 0 to `window` points.

    Without any label there is nothing to recall and the result is NaN.
    """
    size = len(labels)
    starts, ends = segments(labels)
    if not len(starts):
        return float("nan")
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    thresholds = falling[np.linspace(0, size - 1, quantiles).astype(int)]
    predicted = np.searchsorted(-falling, -thresholds, side="right")
    positives = float(labels.sum())
    areas = np.empty(window + 1)
    for width in range(window + 1):
        soft = _softened(labels, starts, ends, width)[order]
        caught = np.cumsum(soft)[predicted - 1]
        found = np.cumsum(np.where(labels[order], 0.0, soft))[predicted - 1]
        recall = np.minimum(caught / (positives + found / 2), 1.0) * _touched(score, starts, ends, width, thresholds)
        areas[width] = np.sum(np.diff(recall, prepend=0.0) * caught / predicted)
    return float(areas.mean())


def natural_window(values: Floats) -> int:
    """Return the length of a series' strongest repetition in points, 125 when there is none (as TSB-AD does)."""
    part = values[:20_000] - values[:20_000].mean()
    size = len(part)
    spectrum = np.fft.rfft(part, 2 * size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: min(401, size)]
    if size < 10 or correlation[0] <= 0:
        return FALLBACK_WINDOW
    seen = correlation[3:]
    peaks = np.flatnonzero((seen[1:-1] > seen[:-2]) & (seen[1:-1] > seen[2:])) + 1
    if not len(peaks):
        return FALLBACK_WINDOW
    best = int(peaks[np.argmax(seen[peaks])])
    return best + 3 if 3 <= best <= 300 else FALLBACK_WINDOW


def segments(labels: Flags) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return first and last position of every run of true labels."""
    edge = np.diff(np.concatenate(([0], labels.astype(np.int8), [0])))
    return np.flatnonzero(edge == 1), np.flatnonzero(edge == -1) - 1


def _softened(labels: Flags, starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], width: int) -> Floats:
    soft = labels.astype(np.float64)
    half = np.arange(1, width // 2 + 1)
    if not len(half):
        return soft
    weight = np.sqrt(1.0 - half / width)
    for places in (ends[:, None] + half, starts[:, None] - half):
        inside = (places >= 0) & (places < len(labels))
        np.add.at(soft, places[inside], np.broadcast_to(weight, places.shape)[inside])
    return np.minimum(soft, 1.0)


def _touched(
    score: Floats, starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], width: int, thresholds: Floats
) -> Floats:
    """Return, per threshold, the share of widened events in which some score reaches it."""
    half = width // 2
    low, high = np.maximum(starts - half, 0), np.minimum(ends + half, len(score) - 1)
    apart = np.concatenate(([True], low[1:] > high[:-1] + 0))
    first, last = low[apart], high[np.concatenate((np.flatnonzero(apart)[1:] - 1, [len(high) - 1]))]
    peaks = np.sort([score[a : b + 1].max() for a, b in zip(first, last, strict=True)])
    return 1.0 - np.searchsorted(peaks, thresholds, side="left") / len(peaks)
