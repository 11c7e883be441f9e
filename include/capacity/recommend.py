"""What to do about a resource, and why: by the time to exhaustion; by growth where there is no limit to reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SOON, PLANNED = timedelta(days=7), timedelta(days=30)
"""Ahead of the 10% quantile of exhaustion: act now, act within a week."""


class State(StrEnum):
    """State of a resource."""

    EXHAUSTED = "exhausted"
    ACT_NOW = "act_now"
    ACT_THIS_WEEK = "act_this_week"
    KEEP_BUFFER = "keep_buffer"
    ADEQUATE = "adequate"
    INSUFFICIENT_HISTORY = "insufficient_history"


@dataclass(frozen=True)
class Advice:
    """State, what to do, and why, in words."""

    state: State
    recommendation: str
    reason: str


def insufficient(reason: str) -> Advice:
    """Return the advice for a series on which no forecast can stand."""
    return Advice(State.INSUFFICIENT_HISTORY, "Collect more history before planning.", reason)


def recommend(
    as_of: datetime, growth_percent: float, *, limited: bool, times: Sequence[datetime | None], likely: float
) -> Advice:
    """Return the advice. `times` are p10, p50 and p90 of exhaustion, None beyond 90 days.

    `likely` is the probability 0..1 that the limit is reached within 30 days. Growth alone: above 50% now and twice as
    much; above 20% within a week and 1.5 times; above 0 a buffer of 25%. The time to exhaustion overrules it both ways:
    growth towards a limit that is out of reach is no reason to act.
    """
    p10, p50, p90 = times
    if not limited:
        return _by_growth(growth_percent)
    if p10 is None:
        return _out_of_reach(growth_percent)
    if p10 <= as_of:
        return Advice(State.EXHAUSTED, "Raise the limit or free capacity now.", "The limit is reached.")
    why = f"The limit is reached {_when(p10, p50, p90)}; within 30 days: {_words(likely)} ({likely:.0%})."
    if p10 - as_of <= SOON:
        return Advice(State.ACT_NOW, f"Act now: provide {_factor(growth_percent)} as much.", why)
    if p10 - as_of <= PLANNED:
        return Advice(State.ACT_THIS_WEEK, f"Within a week provide {_factor(growth_percent)} as much.", why)
    return Advice(State.KEEP_BUFFER, "Keep a 25% buffer and plan the next extension.", why)


def _out_of_reach(percent: float) -> Advice:
    if percent <= 0:
        return Advice(State.ADEQUATE, "Adequate; nothing to do.", "No growth, and the limit is not reached in 90 days.")
    why = f"Growth of {percent:.3g}% in 30 days does not reach the limit within 90 days."
    if percent <= 20:
        return Advice(State.ADEQUATE, "Adequate; nothing to do.", why)
    return Advice(State.KEEP_BUFFER, "Keep a 25% buffer.", why)


def _by_growth(percent: float) -> Advice:
    why = f"Growth of {percent:.3g}% in 30 days; the limit is unknown."
    if percent > 50:
        return Advice(State.ACT_NOW, "Act now: provide 2 times as much.", why)
    if percent > 20:
        return Advice(State.ACT_THIS_WEEK, "Within a week provide 1.5 times as much.", why)
    if percent > 0:
        return Advice(State.KEEP_BUFFER, "Keep a 25% buffer.", why)
    return Advice(State.ADEQUATE, "Adequate; nothing to do.", "No growth; the limit is unknown.")


def _factor(growth_percent: float) -> str:
    return "2 times" if growth_percent > 50 else "1.5 times"


def _when(p10: datetime, p50: datetime | None, p90: datetime | None) -> str:
    last = f"{p90:%d %b}" if p90 else "later than 90 days"
    if p50 is None:
        return f"perhaps, from {p10:%d %b} on"
    return f"on {p50:%d %b} (80%: {p10:%d %b} to {last})"


def _words(probability: float) -> str:
    for least, words in ((0.95, "almost certain"), (0.7, "likely"), (0.4, "even odds"), (0.1, "unlikely")):
        if probability >= least:
            return words
    return "very unlikely"
