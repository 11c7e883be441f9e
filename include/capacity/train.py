"""Training of the capacity model: fit on all but the last week, judge on that week, register with the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from include.capacity.candidates import Array
from include.capacity.incidents import set_aside
from include.capacity.model import (
    HORIZON,
    LEVEL,
    CapacityForecast,
    DefaultPool,
    Names,
    SeasonalNaive,
    inside,
    mase,
)
from models.gate import CHALLENGER, CHAMPION, ClassQuality, Comparison, Difference, difference
from models.registry import CAPACITY, Registry, Version
from models.tracking import Sample, Training
from models.training import loadable

MASE = "MASE"
HELD = (0.70, 0.90)  # share of the hours that an 80% band must hold to be let in
SHOWN = 4


@dataclass(frozen=True)
class Trained:
    """What came of one training of the capacity model."""

    challenger: Version
    champion: Version | None
    comparison: Comparison


def train_capacity(
    url: str, y: Array, series_ids: np.ndarray, classes: Names, end: pd.Timestamp, training: Training, seed: int = 7
) -> Trained:
    """Train on hourly histories (series × hours up to `end`, no gaps); unusual hours are set aside first.

    Raises `ModelError` where there are too few hours, `RegistryUnavailableError` where MLflow does not answer.
    """
    here = Registry(url, CAPACITY)
    running = here.champion()
    known, future = set_aside(y).value[:, :-HORIZON], y[:, -HORIZON:]
    challenger = CapacityForecast().fit(known, classes)
    roles = {CHALLENGER: challenger, DefaultPool.name: DefaultPool(), SeasonalNaive.name: SeasonalNaive()}
    current: CapacityForecast | None = loadable(here, running)
    if current is not None:
        roles[CHAMPION] = current
    found = {role: model.forecast(known, classes, HORIZON) for role, model in roles.items()}
    errors = {role: mase(known, future, one.expected) for role, one in found.items()}
    held = {role: float(inside(future, one).mean()) for role, one in found.items()}
    comparison = _judged(errors, held, classes, seed)
    made_of = replace(
        training,
        points=known.size,
        series=len(known),
        metrics={f"coverage_{role}": value for role, value in held.items()},
    )
    frame = _frame(known, series_ids, classes, end - pd.Timedelta(hours=HORIZON))
    if running is None:
        first = here.register(DefaultPool(), made_of, Sample(frame))
        here.install_baseline(first.number, DefaultPool.name)
    picture = _picture(known, future, {role: found[role].expected for role in (CHALLENGER, DefaultPool.name)}, errors)
    version = here.register(challenger, made_of, Sample(frame, figures={"forecasts.png": picture}))
    here.judge(version.number, comparison)
    return Trained(version, here.champion(), comparison)


def _judged(errors: Mapping[str, Array], held: Mapping[str, float], classes: Names, seed: int) -> Comparison:
    """Return the gate's finding: less error than champion and default beyond chance, and a band that holds."""
    others = [role for role in (CHAMPION, DefaultPool.name) if role in errors]
    gains = tuple(difference(role, -errors[CHALLENGER], -errors[role], seed) for role in others)
    means = {role: float(values.mean()) for role, values in errors.items()}
    accepted, said = _verdict(means, held[CHALLENGER], gains)
    per_class = tuple(
        ClassQuality(
            str(name), int((classes == name).sum()), {r: float(e[classes == name].mean()) for r, e in errors.items()}
        )
        for name in pd.unique(classes)
    )
    return Comparison(
        "the last week", len(classes), means, {}, gains, accepted, said, classes=per_class, score_name=MASE
    )  # fmt: skip


def _verdict(means: Mapping[str, float], held: float, gains: tuple[Difference, ...]) -> tuple[bool, str]:
    told = "; ".join(
        f"{gain.mean:.3f} ({gain.low:.3f} to {gain.high:.3f}) less than {gain.other}'s {means[gain.other]:.3f}"
        for gain in gains
    )
    figures = f"MASE over the last week {means[CHALLENGER]:.3f}: {told}; an 80% band held {held:.0%}."
    worse = [gain.other for gain in gains if not gain.better]
    if worse:
        return False, f"Refused: no less error than {' and '.join(worse)} beyond chance. {figures}"
    if not HELD[0] <= held <= HELD[1]:
        return False, f"Refused: its 80% band does not hold {HELD[0]:.0%} to {HELD[1]:.0%}. {figures}"
    return True, f"Accepted: less error than {' and '.join(gain.other for gain in gains)} beyond chance. {figures}"


def _frame(y: Array, series_ids: np.ndarray, classes: Names, end: pd.Timestamp) -> pd.DataFrame:
    """Return the first series as `CapacityForecast.serve` takes it."""
    ts = pd.date_range(end=end, periods=y.shape[1] + 1, freq="h", inclusive="left")
    return pd.DataFrame(
        {"series_id": int(series_ids[0]), "class": str(classes[0]), "ts": ts.astype(str), "value": y[0]}
    )


def _picture(known: Array, future: Array, expected: Mapping[str, Array], errors: Mapping[str, Array]) -> object:
    """Return a figure of the series that changed most against the default: truth and both forecasts."""
    from matplotlib.figure import Figure

    shown = np.argsort(-np.abs(errors[CHALLENGER] - errors[DefaultPool.name]), kind="stable")[:SHOWN]
    figure = Figure(figsize=(12, 2.2 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    past = 2 * HORIZON
    for axis, place in zip(axes, shown, strict=True):
        axis.plot(np.arange(-past, 0), known[place, -past:], color="#33475b", linewidth=0.8)
        axis.plot(np.arange(HORIZON), future[place], color="#33475b", linewidth=0.8, label="measured")
        for role, color in ((CHALLENGER, "#c0392b"), (DefaultPool.name, "#5b6abf")):
            axis.plot(np.arange(HORIZON), expected[role][place], color=color, linewidth=0.9, label=role)
        axis.axvline(0, color="#999999", linewidth=0.8, linestyle="--")
    axes[0].legend(loc="upper left", fontsize=8, ncols=3)
    axes[-1].set_xlabel("hours from the last one that was known")
    figure.suptitle(f"The last week, {LEVEL:.0%} bands judged beside it", fontsize=10)
    return figure
