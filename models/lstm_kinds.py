"""One network per kind of metric, and one for all kinds: trained within a budget, asked for reconstruction errors.

The network for all kinds is trained first. Each kind's own starts from it, so a few thousand windows are enough; a
kind that is new, rare or beyond the budget is judged by the network for all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.features import Panel
from include.features.panel import Floats, Longs
from models.lstm_windows import Windows, windows_of

ANY = "any"
RECENT = 3  # newest samples of a window whose mean error is the error of its last row
LIMIT = 0.95  # quantile of the validation errors above which a window counts as badly reconstructed
WINDOWS_PER_SECOND = 800  # that one core trains: budgets count windows, so that they end at the same place everywhere
SHARE_OF_ANY = 0.4  # of the budget, where several kinds share the rest
LEAST_VISITS, LEAST_WINDOWS, MOST_WINDOWS = 2_000, 200, 8_192
VISITS_PER_WINDOW = 20
_BLOCK = 100_000  # rows at once: their windows take 24 MB


@dataclass(frozen=True)
class Judgement:
    """What the networks say of R rows."""

    error: Floats  # mean absolute error of the newest samples, in squashed deviations
    residual: Floats  # absolute residual of the row itself, in deviations
    network: Longs  # position of the network that was asked


@dataclass(frozen=True)
class Networks:
    """K networks by kind of metric; the first is the one for any kind."""

    kinds: tuple[str, ...]
    weights: tuple[dict[str, npt.NDArray[Any]], ...]
    limits: Floats  # [K], the 95th percentile of the validation error

    @classmethod
    def train(
        cls, panel: Panel, kinds: npt.NDArray[Any], begin: int, end: int, *, minutes: float, seed: int, threads: int
    ) -> "Networks":
        """Train on residuals before `begin`, and stop early by those from `begin` to `end` (microseconds).

        `kinds` has one entry per series of the panel. `minutes` is about how long one core takes over all networks.
        """
        from models import lstm_network

        visits = max(int(minutes * 60 * WINDOWS_PER_SECOND), 1)
        owner = panel.series_of_row
        before, between = panel.ts < begin, (panel.ts >= begin) & (panel.ts < end)
        own = _own_kinds(kinds[owner], before, between, visits)
        for_any = int(visits * SHARE_OF_ANY) if own else visits
        shares = [for_any] + [(visits - for_any) // len(own) for _ in own]
        weights: list[dict[str, npt.NDArray[Any]]] = []
        limits: list[float] = []
        with lstm_network.on_threads(threads):
            for at, (kind, share) in enumerate(zip([ANY, *own], shares, strict=True)):
                of_kind = np.ones(len(owner), bool) if kind == ANY else (kinds == kind)[owner]
                rng = np.random.default_rng([seed, at])
                count = int(np.clip(share // VISITS_PER_WINDOW, LEAST_WINDOWS, MOST_WINDOWS))
                training = _drawn(panel, owner, before & of_kind, count, rng)
                validation = _drawn(panel, owner, between & of_kind, count // 2, rng)
                start = weights[0] if weights else None
                found = lstm_network.train(training, validation, share, seed + at, start)
                network = lstm_network.loaded(found.weights)
                error = lstm_network.newest_errors(network, validation, RECENT).mean(axis=1)
                weights.append(found.weights)
                limits.append(max(float(np.quantile(error, LIMIT)), 1e-6))
        return cls((ANY, *own), tuple(weights), np.array(limits))

    def judge(self, panel: Panel, kinds: npt.NDArray[Any], rows: Longs, threads: int) -> Judgement:
        """Return what the networks say of these rows of residuals; `kinds` has one entry per series of the panel."""
        from models import lstm_network

        place = {kind: at for at, kind in enumerate(self.kinds)}
        owner = panel.series_of_row[rows]
        which = np.array([place.get(kind, 0) for kind in kinds], np.int64)[owner]
        error = np.zeros(len(rows))
        with lstm_network.on_threads(threads):
            for at in np.unique(which):
                network = lstm_network.loaded(self.weights[at])
                mine = np.flatnonzero(which == at)
                for first in range(0, len(mine), _BLOCK):
                    here = mine[first : first + _BLOCK]
                    windows, held = windows_of(panel, rows[here], owner[here])
                    newest = lstm_network.newest_errors(network, windows, RECENT)
                    error[here] = _mean_of_first(newest, np.minimum(held, RECENT))
        return Judgement(error, np.abs(panel.values[rows]), which)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return weights and limits as named arrays."""
        named = {
            f"network_{at}.{name}": array for at, weights in enumerate(self.weights) for name, array in weights.items()
        }
        return {**named, "limits": self.limits}

    @classmethod
    def from_arrays(cls, kinds: list[str], arrays: dict[str, npt.NDArray[Any]]) -> "Networks":
        """Return the networks that `arrays` gave, which were trained for these kinds."""
        prefixes = [f"network_{at}." for at in range(len(kinds))]
        weights = tuple(
            {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            for prefix in prefixes
        )
        return cls(tuple(kinds), weights, arrays["limits"])


def _own_kinds(
    kinds: npt.NDArray[Any], before: npt.NDArray[np.bool_], between: npt.NDArray[np.bool_], visits: int
) -> list[str]:
    """Return the kinds that get a network of their own: those with the most rows, as many as the budget is good for."""
    names, place = np.unique(kinds, return_inverse=True)
    if len(names) < 2:
        return []
    training, validation = (np.bincount(place[part], minlength=len(names)) for part in (before, between))
    enough = np.flatnonzero((training >= LEAST_WINDOWS) & (validation >= LEAST_WINDOWS // 2) & (names != ANY))
    most = max(1, int(visits * (1 - SHARE_OF_ANY)) // LEAST_VISITS)
    return [str(names[at]) for at in enough[np.argsort(-training[enough], kind="stable")][:most]]


def _drawn(panel: Panel, owner: Longs, usable: npt.NDArray[np.bool_], count: int, rng: np.random.Generator) -> Windows:
    """Return the windows of at most `count` of the usable rows, drawn without replacement."""
    rows = np.flatnonzero(usable)
    rows = np.sort(rng.choice(rows, min(count, len(rows)), replace=False))
    return windows_of(panel, rows, owner[rows])[0]


def _mean_of_first(values: Windows, count: Longs) -> Floats:
    """Return the mean of the first `count` entries of each row of `values`."""
    inside = np.arange(values.shape[1]) < count[:, None]
    mean: Floats = np.where(inside, values, 0.0).sum(axis=1, dtype=np.float64) / count
    return mean
