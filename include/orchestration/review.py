"""A person's say on a model: what they are shown before they approve, and what follows from their answer."""

from typing import Any

from include.errors import PermanentError
from include.orchestration.runtime import Runtime
from models.gate import CHALLENGER
from models.registry import CHAMPION, MODELS, Registry

ROWS = (
    ("vus_pr", "Quality (VUS-PR), higher is better", "{:.3f}"),
    ("event_recall", "Share of events found", "{:.0%}"),
    ("median_delay", "Median delay, samples", "{:.0f}"),
    ("false_episodes", "Episodes per service and day on calm data", "{:.2f}"),
)


class NothingToReviewError(PermanentError):
    """A version that does not exist or that the gate has not accepted."""


def pending(rt: Runtime, model: str, version: str) -> dict[str, Any]:
    """Return what a reviewer reads: `subject` and `body` (markdown) on one version; empty `version` means challenger.

    Raises `NothingToReviewError` where there is nothing that a person could let run.
    """
    if model not in MODELS:
        raise NothingToReviewError(f"There is no model {model!r}; there is {', '.join(MODELS)}.")
    found = Registry(rt.settings.mlflow, model).versions(most=100)
    for one in found:
        if one["version"] == version or (not version and one["role"] == CHALLENGER):
            break
    else:
        raise NothingToReviewError(f"{model} has no version {version or '(challenger)'} in {rt.settings.mlflow_ui}.")
    if one["tags"].get("gate") != "accepted":
        raise NothingToReviewError(
            f"Version {one['version']} of {model} has not passed the gate, so nobody can let it run: "
            f"{one['tags'].get('gate_verdict', 'it was never judged')}"
        )
    running = next((row for row in found if row["role"] == CHAMPION), None)
    return {
        "model": model,
        "version": one["version"],
        "subject": f"Let version {one['version']} of {model} run?",
        "body": describe(one, running, f"{rt.settings.mlflow_ui}/#/models/{model}/versions/"),
    }


def describe(challenger: dict[str, Any], champion: dict[str, Any] | None, registry: str) -> str:
    """Return challenger and champion side by side, in markdown; `registry` is the address of the model's versions."""
    heads = f"challenger {challenger['version']} ({challenger['detector']}) | {_name(champion)}"
    told = [f"**{challenger['tags']['gate_verdict']}**", "", f"| measured on the same later slice | {heads} |"]
    told.append("|---|---|---|")
    figures = challenger["metrics"]
    for key, words, shape in ROWS:
        pair = _pair(figures, key, champion)
        if any(value is not None for value in pair):
            told.append(f"| {words} | {_shown(pair[0], shape)} | {_shown(pair[1], shape)} |")
    classes = sorted({name.split("/vus_pr_")[0] for name in figures if name.startswith("class/")})
    if classes:
        told += ["", "| class of series | challenger | champion |", "|---|---|---|"]
        for name in classes:
            pair = _pair(figures, f"{name}/vus_pr", champion)
            told.append(
                f"| {name.removeprefix('class/')} | {_shown(pair[0], '{:.3f}')} | {_shown(pair[1], '{:.3f}')} |"
            )
    told += ["", f"Trained {challenger['trained_at']:%d %b %Y, %H:%M} UTC."]
    links = [f"[challenger {challenger['version']} in MLflow]({registry}{challenger['version']})"]
    if champion:
        links.append(f"[champion {champion['version']} in MLflow]({registry}{champion['version']})")
    told.append(f"Pictures of scores, detections and calibration: {', '.join(links)}.")
    told.append("Approve: it runs from the next window on; `rollback_model` undoes it. Reject: the champion stays.")
    return "\n".join(told)


def answer(rt: Runtime, model: str, version: str, chosen: list[str], person: str) -> dict[str, Any]:
    """Carry out what a person answered; return who runs now."""
    here = Registry(rt.settings.mlflow, model)
    if chosen == ["Approve"]:
        here.promote(version, by=person)
    else:
        here.decline(version, by=person)
    return {"model": model, "approved": chosen == ["Approve"], "champion": here.must_have_champion().number}


def roll_back(rt: Runtime, model: str) -> dict[str, str]:
    """Let the champion before run again; return both numbers."""
    if model not in MODELS:
        raise NothingToReviewError(f"There is no model {model!r}; there is {', '.join(MODELS)}.")
    here = Registry(rt.settings.mlflow, model)
    left = here.must_have_champion().number
    return {"model": model, "left": left, "champion": here.rollback()}


def _pair(figures: dict[str, float], key: str, champion: dict[str, Any] | None) -> list[float | None]:
    """Return the challenger's and the champion's figure; a champion that is the baseline was measured as that."""
    own = figures.get(f"{key}_{CHAMPION}")
    as_baseline = figures.get(f"{key}_{champion['detector']}") if champion else None
    return [figures.get(f"{key}_{CHALLENGER}"), as_baseline if own is None else own]


def _name(champion: dict[str, Any] | None) -> str:
    return f"champion {champion['version']} ({champion['detector']})" if champion else "no champion yet"


def _shown(value: float | None, shape: str) -> str:
    return "–" if value is None else shape.format(value)
