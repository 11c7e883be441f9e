"""From scored log lines to the tables `anomaly` and `episode`: a pure function of the lines around a window.

The subject is a log template within a service; its rows have the template's id, and `value` is the length of the line
in characters. At most one row a minute is kept of a template, its strangest line, so that a flood of one new message
is one episode and not a million anomalies.
"""

from datetime import UTC

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours
from include.window import Window, stable_hash
from models.episodes import ANOMALY_COLUMNS, EPISODE_COLUMNS, EPISODE_LOOKBACK, TEXT, Found, episode_numbers
from models.flags import QUIET
from models.log_features import BAD, level_ranks
from models.log_lines import SUBJECT, LogLines
from models.severity import SEVERITIES

STEPS = (1.5, 2.0, 3.0)  # of the score, from which on a line is MEDIUM, HIGH, CRITICAL; the last two only for errors
HISTORY = EPISODE_LOOKBACK  # how much earlier than the window the lines, given to `windowed`, must start
QUERY = "log_lines"
_MINUTE = 60_000_000


def windowed(
    model: LogLines, lines: pd.DataFrame, window: Window, *, model_version: str, hours: BusinessHours | None = None
) -> Found:
    """Return the anomalies of a window and the episodes that are open or end in it.

    `lines` is `[service, ts, level, template_id, length]`, optionally `query`; it starts `HISTORY` before the window.
    """
    known = lines[(lines["ts"] >= window.start - HISTORY) & (lines["ts"] < window.end)].reset_index(drop=True)
    if known.empty:
        return Found(pd.DataFrame(columns=list(ANOMALY_COLUMNS)), pd.DataFrame(columns=list(EPISODE_COLUMNS)))
    flagged = _flagged(model, known)
    _describe(flagged, model, known, hours or BusinessHours())
    episode = _episodes(flagged, window)
    flagged["episode_id"] = flagged["episode"].map(episode.set_index("episode")["episode_id"])
    inside = flagged[flagged["ts"] >= window.start]
    told = np.union1d(inside.index, episode["peak"]).astype(np.int64)
    evidence = model.evidence(known, flagged.loc[told, "row"].to_numpy(np.int64)) if len(told) else []
    flagged["evidence"] = pd.Series(evidence, index=told, dtype=object).reindex(flagged.index)
    flagged["reason"] = pd.Series(
        [
            sentence(*row)
            for row in zip(
                flagged.loc[told, "level"],
                flagged.loc[told, "value"],
                flagged.loc[told, "expected"],
                [found["features"] for found in evidence],
                strict=True,
            )
        ],
        index=told,
        dtype=object,
    ).reindex(flagged.index)
    return Found(
        _anomaly_rows(flagged[flagged["ts"] >= window.start], model, model_version), _episode_rows(episode, flagged)
    )


def sentence(level: str | None, length: float, usual: float, why: list[str]) -> str:
    """Say in words what is unusual about a line.

    >>> sentence("ERROR", 2_100, 190, ["an unusual length"])
    'A line of level ERROR and 2100 characters (usual: 190); most unusual: an unusual length.'
    """
    text = f"A line of level {level or 'unknown'} and {length:.0f} characters (usual: {usual:.0f})"
    return f"{text}; most unusual: {', '.join(why)}." if why else f"{text}."


def _flagged(model: LogLines, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the strangest flagged line of each template and minute, with its episode's number."""
    scores = model.score(lines)
    hit = np.flatnonzero(scores["alarm"].to_numpy() >= 1.0)
    found = scores.iloc[hit].reset_index(drop=True)
    found["row"] = hit
    found["us"] = found["ts"].dt.as_unit("us").astype("int64")
    found["minute"] = found["us"] // _MINUTE
    found = found.sort_values(["service", "subject_id", "us", "score"], ascending=[True, True, True, False])
    strangest = found.groupby(["service", "subject_id", "minute"])["score"].idxmax()
    found = found.loc[strangest].sort_values(["service", "subject_id", "us"], ignore_index=True)
    subject = np.asarray(found.groupby(["service", "subject_id"]).ngroup(), np.int64)
    found["episode"] = episode_numbers(subject, found["us"].to_numpy())
    return found


def _describe(flagged: pd.DataFrame, model: LogLines, lines: pd.DataFrame, hours: BusinessHours) -> None:
    some = lines.iloc[flagged["row"].to_numpy()]
    hour, weekday = model.vocabulary.local(some)
    flagged["level"] = some["level"].astype(object).where(some["level"].notna(), None).to_numpy()
    flagged["query"] = some["query"].to_numpy() if "query" in some else QUERY
    flagged["value"] = some["length"].to_numpy(np.float64)
    flagged["expected"] = model.vocabulary.usual(some)
    flagged["weekend"] = weekday >= 5
    flagged["business_hours"] = (
        np.isin(weekday, list(hours.days)) & (hour >= hours.start.hour) & (hour < hours.end.hour)
    )
    code = np.searchsorted(STEPS, flagged["score"].to_numpy(), side="right")
    flagged["code"] = np.where(level_ranks(some["level"]) >= BAD, code, np.minimum(code, 1))


def _episodes(flagged: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Return one row per episode that has a flagged line in the window or ends in it."""
    grouped = flagged.groupby("episode", as_index=False)
    found = grouped.agg(
        subject_kind=("subject_kind", "first"), subject_id=("subject_id", "first"), service=("service", "first"),
        query=("query", "first"), first_ts=("ts", "first"), last_ts=("ts", "last"), points=("ts", "size"),
        code=("code", "max"), us=("us", "first"),
    )  # fmt: skip
    peak = flagged.loc[grouped["score"].idxmax()["score"].to_numpy(np.int64)]
    found["peak"], found["peak_ts"], found["peak_score"] = peak.index, peak["ts"].array, peak["score"].to_numpy()
    ends = found["last_ts"] + pd.Timedelta(QUIET, "us")
    found["state"] = np.where(ends <= pd.Timestamp(window.end).tz_convert(UTC), "closed", "open")
    found["episode_id"] = [
        f"{stable_hash(SUBJECT, service, str(template), str(us)) & (1 << 64) - 1:016x}"
        for service, template, us in zip(found["service"], found["subject_id"], found["us"], strict=True)
    ]
    return found[(ends > window.start) & (found["first_ts"] < window.end)]


def _anomaly_rows(flagged: pd.DataFrame, model: LogLines, model_version: str) -> pd.DataFrame:
    rows = flagged.assign(
        expected_lower=np.nan, expected_upper=np.nan, z15=np.nan, percentile=np.nan, volatility=np.nan,
        trend="steady", detector=model.name, model_version=model_version, severity=_severities(flagged["code"]),
    )  # fmt: skip
    return _typed(rows[list(ANOMALY_COLUMNS)])


def _episode_rows(episode: pd.DataFrame, flagged: pd.DataFrame) -> pd.DataFrame:
    reason = flagged["reason"].reindex(episode["peak"]).to_numpy()
    minutes = ((episode["last_ts"] - episode["first_ts"]).dt.total_seconds() / 60).round().astype(int)
    said = zip(episode["service"], episode["points"], minutes, reason, strict=True)
    rows = episode.assign(
        severity=_severities(episode["code"]),
        evidence=flagged["evidence"].reindex(episode["peak"]).to_numpy(object),
        description=[
            f"Log of {service}: unusual lines of one template in {points} of {length + 1} min. At the peak: {why}"
            for service, points, length, why in said
        ],
    )
    return _typed(rows[list(EPISODE_COLUMNS)])


def _severities(code: pd.Series) -> npt.NDArray[np.object_]:
    return np.array(SEVERITIES, dtype=object)[code.to_numpy(np.int64)]


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with text as text, also where there are none."""
    return rows.astype({name: "str" for name in TEXT if name in rows}).reset_index(drop=True)
