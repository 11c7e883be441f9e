"""The Models page: what runs, what waits for a person, champion and challenger side by side, and every version."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from include.report.document import (
    Action,
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
CHAMPION, CHALLENGER = "champion", "challenger"
FIGURES = {
    "vus_pr": ("Quality (VUS-PR), higher is better", ""),
    "event_recall": ("Share of events found", ""),
    "median_delay": ("Median delay", "samples"),
    "false_episodes": ("Episodes per service and day on calm data", ""),
    "mase": ("Forecast error (MASE), lower is better", ""),
    "coverage": ("Share inside the 80% band", ""),
}
_ORDER = {CHAMPION: 0, CHALLENGER: 1}


def build(
    versions: Sequence[Mapping[str, Any]], window: Window, edition: Edition, notes: Sequence[str] = ()
) -> Document:
    """Return the Models page.

    Each version is a mapping with `model`, `version`, `role` (champion, challenger, retired), `detector`,
    `trained_at`, `metrics` (name → number, as the gate logs them), `tags` and `url` (of the registry). `notes` are
    said in the fine print, such as an alias that was moved by hand.
    """
    rows = sorted(versions, key=lambda row: (row["model"], _ORDER.get(row["role"], 2), -int(row["version"])))
    names = list(dict.fromkeys(row["model"] for row in rows))
    waiting = [row for row in rows if _state(row) == "waits for approval"]
    without = sorted(set(names) - {row["model"] for row in rows if row["role"] == CHAMPION})
    return Document(
        name=NAME,
        title=TITLE,
        audience=edition.audience,
        time_zone=edition.time_zone,
        window_start=window.start,
        window_end=window.end,
        verdict=_verdict(names, waiting, without),
        actions=[_action(row) for row in waiting][:7],
        actions_beyond=max(0, len(waiting) - 7),
        nothing_to_do="Nothing waits for a person: the gate lets a challenger run only if it beats both champion and "
        "baseline.",
        tables=[_side_by_side(rows, names), _by_class(rows), _versions(rows)],
        fine_print=FinePrint(
            notes=["Figures are from a slice of time later than any that the model was trained on.", *notes],
            next_at=edition.next_at,
            run_id=edition.run_id,
        ),
    )


def _verdict(names: list[str], waiting: list[Mapping[str, Any]], without: list[str]) -> Verdict:
    if not names:
        return Verdict(
            level=Level.UNKNOWN,
            text="No model is registered yet: start train_anomaly_models; until then nothing is scored.",
            subject="Models: none is registered yet",
        )
    if without:
        said = plural(len(without), "model has", "models have")
        text = f"{said} no champion, so nothing is scored by it: {', '.join(without[:3])}."
        return Verdict(level=Level.WARNING, text=text, subject=f"Models: {len(without)} without a champion")
    running = plural(len(names), "model has its champion", "models have their champions")
    if waiting:
        said = plural(len(waiting), "better version waits", "better versions wait")
        text = (
            f"{said} for approval: {', '.join(row['model'] for row in waiting[:3])}. {running[0].upper()}{running[1:]}."
        )
        return Verdict(level=Level.WARNING, text=text, subject=f"Models: {said} for approval"[:69])
    return Verdict(level=Level.OK, text=f"{running}.", subject=f"Models: {running}"[:69])


def _state(row: Mapping[str, Any]) -> str:
    tags = row["tags"]
    if row["role"] == CHAMPION:
        return f"runs, let in by {tags.get('promoted_by', 'an earlier release')}"
    if "review" in tags:
        return str(tags["review"])
    if tags.get("gate") == "refused":
        return "refused by the gate"
    if row["role"] == CHALLENGER and tags.get("gate") == "accepted":
        return "waits for approval"
    return "ran before" if "promoted_by" in tags else "never ran"


def _action(row: Mapping[str, Any]) -> Action:
    return Action(
        subject=f"{row['model']} {row['version']}",
        what=f"Version {row['version']} ({row['detector']}) passed its gate and waits for a person.",
        when="now",
        sure="",
        owner=None,
        level=Level.WARNING,
        recommendation="Approve or reject it under Required Actions of the DAG review_model.",
        reason=row["tags"].get("gate_verdict", ""),
    )


def _side_by_side(rows: list[Mapping[str, Any]], names: list[str]) -> Table:
    lines = list(_compared(rows, names))
    return Table(
        id="side-by-side",
        title="Champion and challenger on the same later slice",
        note="As the challenger's gate measured both; events are planted anomalies, or incidents where there are 30.",
        empty="No challenger has been judged yet.",
        columns=[
            TextColumn(key="model", label="Model", values=[line[0] for line in lines]),
            TextColumn(key="figure", label="Figure", values=[line[1] for line in lines]),
            NumberColumn(
                key="challenger", label="Challenger", unit=None, units=[line[2] for line in lines],
                values=[line[3] for line in lines],
            ),
            NumberColumn(
                key="champion", label="Champion", unit=None, units=[line[2] for line in lines],
                values=[line[4] for line in lines],
            ),
            TextColumn(key="baseline", label="Naive baseline", values=[line[5] for line in lines]),
        ],
    )  # fmt: skip


def _compared(rows: list[Mapping[str, Any]], names: list[str]) -> Iterator[tuple[str, str, str, Any, Any, str]]:
    """Yield model, figure, unit, and the values of all roles, of each model's newest judged version."""
    for name in names:
        judged = [row for row in rows if row["model"] == name and "gate" in row["tags"]]
        if not judged:
            continue
        newest = max(judged, key=lambda row: int(row["version"]))
        metrics = newest["metrics"]
        kind = next((row["detector"] for row in rows if row["model"] == name and row["role"] == CHAMPION), "")
        for key, (words, unit) in FIGURES.items():
            own = {role.removeprefix(f"{key}_"): value for role, value in metrics.items() if role.startswith(f"{key}_")}
            if own:
                others = [f"{role} {value:.3g}" for role, value in own.items() if role not in {CHALLENGER, CHAMPION}]
                running = own.get(CHAMPION, own.get(kind))  # the baseline may be what runs
                yield name, words, unit, own.get(CHALLENGER), running, ", ".join(others)


def _by_class(rows: list[Mapping[str, Any]]) -> Table:
    lines = []
    for row in rows:
        if row["role"] not in {CHAMPION, CHALLENGER}:
            continue
        for name in sorted(key for key in row["metrics"] if key.startswith("class/") and key.endswith("_challenger")):
            stem = name.removesuffix("_challenger")
            _, *kind, _ = stem.split("/")
            lines.append((row, "/".join(kind), row["metrics"][name], row["metrics"].get(f"{stem}_champion")))
    return Table(
        id="classes",
        title="Quality per class of series",
        note="A class is a kind of metric and its step in seconds.",
        empty="No version has figures per class yet.",
        columns=[
            TextColumn(
                key="model", label="Model", values=[f"{line[0]['model']} {line[0]['version']}" for line in lines]
            ),
            TextColumn(key="class", label="Class", values=[line[1] for line in lines]),
            NumberColumn(key="quality", label="This version", unit="", values=[line[2] for line in lines]),
            NumberColumn(key="before", label="The champion then", unit="", values=[line[3] for line in lines]),
        ],
    )


def _versions(rows: list[Mapping[str, Any]]) -> Table:
    level = {CHAMPION: Level.OK}
    return Table(
        id="versions",
        title="Versions",
        empty="No model is registered. Start train_anomaly_models; it trains, tests and registers a challenger.",
        columns=[
            TextColumn(key="model", label="Model", values=[row["model"] for row in rows]),
            LevelColumn(
                key="role",
                label="Role",
                values=[level.get(row["role"], Level.UNKNOWN) for row in rows],
                words=[str(row["role"]).capitalize() for row in rows],
            ),
            TextColumn(key="version", label="Version", values=[str(row["version"]) for row in rows]),
            TextColumn(key="detector", label="Kind", values=[row["detector"] for row in rows]),
            TimeColumn(key="trained_at", label="Trained", values=[row["trained_at"] for row in rows]),
            TextColumn(key="state", label="State", values=[_state(row) for row in rows]),
            TextColumn(
                key="review", label="What the gate said", values=[row["tags"].get("gate_verdict") for row in rows]
            ),
            TextColumn(key="url", label="In the registry", values=[row["url"] for row in rows]),
        ],
    )
