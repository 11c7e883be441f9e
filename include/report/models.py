"""The Models page: champion and challenger of each model side by side, with their back-test figures."""

from collections.abc import Sequence
from typing import Any

from include.report.document import (
    Document,
    Edition,
    FinePrint,
    Level,
    LevelColumn,
    NumberColumn,
    Table,
    TextColumn,
    TimeColumn,
    Verdict,
)
from include.report.figures import plural
from include.window import Window

NAME = "models"
TITLE = "Models"
_WORDS = {"champion": Level.OK, "challenger": Level.UNKNOWN, "baseline": Level.UNKNOWN}


def build(versions: Sequence[dict[str, Any]], window: Window, edition: Edition) -> Document:
    """Return the Models page.

    Each version is a dict with `model`, `version`, `role` (champion, challenger, baseline), `trained_at`, `figures`
    (name → number), and optionally `review` (what the gate said) and `url` (of the registry).
    """
    order = {role: place for place, role in enumerate(_WORDS)}
    rows = sorted(versions, key=lambda row: (row["model"], order.get(row["role"], len(order))))
    figures = sorted({name for row in rows for name in row["figures"]})
    waiting = [row for row in rows if row["role"] == "challenger"]
    without = {row["model"] for row in rows} - {row["model"] for row in rows if row["role"] == "champion"}
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(len({row["model"] for row in rows}), len(waiting), sorted(without)),
        nothing_to_do="The gate decides by itself: a challenger must beat both champion and baseline.",
        tables=[_table(rows, figures)],
        fine_print=FinePrint(
            notes=["Figures are from a slice of time later than any that the model was trained on."],
            next_at=edition.next_at,
            run_id=edition.run_id,
        ),
    )


def _verdict(models: int, waiting: int, without: list[str]) -> Verdict:
    if not models:
        return Verdict(
            level=Level.UNKNOWN,
            text="No model is registered yet: start train_anomaly_models; until then the baseline runs.",
            subject="Models: none is registered yet",
        )
    if without:
        said = plural(len(without), "model has", "models have")
        text = f"{said} no champion, so the baseline runs: {', '.join(without[:3])}."
        return Verdict(level=Level.WARNING, text=text, subject=f"Models: {len(without)} without a champion")
    also = f"; {plural(waiting, 'challenger waits', 'challengers wait')} for the gate" if waiting else ""
    said = f"{plural(models, 'model has its champion', 'models have their champions')}{also}"
    return Verdict(level=Level.OK, text=f"{said}.", subject=f"Models: {said}"[:69])


def _table(rows: list[dict[str, Any]], figures: list[str]) -> Table:
    return Table(
        id="versions",
        title="Versions",
        empty="No model is registered. Start train_anomaly_models; it trains, tests and registers a challenger.",
        columns=[
            TextColumn(key="model", label="Model", values=[row["model"] for row in rows]),
            LevelColumn(
                key="role",
                label="Role",
                values=[_WORDS.get(row["role"], Level.UNKNOWN) for row in rows],
                words=[str(row["role"]).capitalize() for row in rows],
            ),
            TextColumn(key="version", label="Version", values=[str(row["version"]) for row in rows]),
            TimeColumn(key="trained_at", label="Trained", values=[row.get("trained_at") for row in rows]),
            TextColumn(key="review", label="Review", values=[row.get("review") for row in rows]),
            *(
                NumberColumn(key=name, label=name, unit="", values=[row["figures"].get(name) for row in rows])
                for name in figures
            ),
            TextColumn(key="url", label="In the registry", values=[row.get("url") for row in rows]),
        ],
    )
