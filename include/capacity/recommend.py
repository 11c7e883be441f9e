"""What to do about a resource, and why: by the time to exhaustion; by growth where there is no limit to reach."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from include.capacity.exhaustion import HABIT

LIKELY, POSSIBLE, NAMED = 0.5, 0.25, 0.1
"""Probabilities that the limit is reached: from the first on it is acted on, from the second on a buffer is kept for
it, from the third on it is named."""
BUFFER = 1.25
"""What is provided should hold the predicted peak this many times."""


class State(StrEnum):
    """State of a resource."""

    EXHAUSTED = "exhausted"
    ACT_NOW = "act_now"
    ACT_THIS_WEEK = "act_this_week"
    PLAN = "plan"
    KEEP_BUFFER = "keep_buffer"
    ADEQUATE = "adequate"
    INSUFFICIENT_HISTORY = "insufficient_history"


@dataclass(frozen=True)
class Outlook:
    """What is known of a resource's next 90 days.

    `peak` is the highest value expected in the next 30 days, in the limit's unit; `reached` tells that what fills up is
    at its limit now, `touched` on how many of the last seven days the usual peak of what recovers was; `times` are p10,
    p50 and p90 of exhaustion, None beyond 90 days; `within` the probabilities 0..1 that it comes within 14, 30 and 90
    days; `set_aside` how many hours of the history were not used.
    """

    as_of: datetime
    growth_percent: float
    peak: float
    limit: float | None
    reached: bool
    touched: int
    times: tuple[datetime | None, datetime | None, datetime | None]
    within: tuple[float, float, float]
    set_aside: int = 0


@dataclass(frozen=True)
class Advice:
    """State, what to do, and why, in words."""

    state: State
    recommendation: str
    reason: str


def insufficient(reason: str) -> Advice:
    """Return the advice for a series on which no forecast can stand."""
    return Advice(State.INSUFFICIENT_HISTORY, "Collect more history before planning.", reason)


def recommend(outlook: Outlook) -> Advice:
    """Return the advice.

    With a limit the time to exhaustion decides: act now if it is as likely as not within 14 days, this week within 30,
    plan within 90; else keep a buffer of 25% where the predicted peak eats into it or a chance of 25% is left. How much
    to provide follows from the same peak and buffer. Without a limit growth decides: above 50% now and twice as much,
    above 20% within a week and 1.5 times, above 0 a buffer.
    """
    advice = _by_growth(outlook.growth_percent) if outlook.limit is None else _by_limit(outlook, outlook.limit)
    if not outlook.set_aside:
        return advice
    hours = (
        "1 unusual hour (an incident)" if outlook.set_aside == 1 else f"{outlook.set_aside} unusual hours (incidents)"
    )
    return Advice(advice.state, advice.recommendation, f"{advice.reason} {hours} set aside.")


def _by_limit(outlook: Outlook, limit: float) -> Advice:
    if outlook.reached:
        return Advice(State.EXHAUSTED, "Raise the limit or free capacity now.", "The limit is reached.")
    much = _much(outlook.peak, limit)
    steps = (
        (State.ACT_NOW, f"Act now: {much}."),
        (State.ACT_THIS_WEEK, f"This week: {much}."),
        (State.PLAN, f"Plan the next extension: {much}."),
    )
    for (state, what), probability in zip(steps, outlook.within, strict=True):
        if probability >= LIKELY:
            return Advice(state, what, _why(outlook))
    return _out_of_reach(outlook, limit, much)


def _why(outlook: Outlook) -> str:
    if outlook.touched >= HABIT:
        return f"Its usual peaks were at the limit on {outlook.touched} of the last 7 days."
    month = outlook.within[1]
    return f"The limit is reached {_when(*outlook.times)}; within 30 days: {_words(month)} ({month:.0%})."


def _out_of_reach(outlook: Outlook, limit: float, much: str) -> Advice:
    chance = outlook.within[2]
    why = f"The predicted peak is {outlook.peak / limit:.0%} of the limit, "
    why += f"growth {outlook.growth_percent:.2g}% in 30 days; the limit is "
    why += (
        "not reached within 90 days." if chance < NAMED else f"reached within 90 days: {_words(chance)} ({chance:.0%})."
    )
    if outlook.peak * BUFFER > limit:
        return Advice(State.KEEP_BUFFER, f"Keep a 25% buffer: {much} when it is next changed.", why)
    if chance >= POSSIBLE:
        return Advice(State.KEEP_BUFFER, "Keep the 25% buffer that there is.", why)
    return Advice(State.ADEQUATE, "Adequate; nothing to do.", why)


def _by_growth(percent: float) -> Advice:
    why = f"Growth of {percent:.3g}% in 30 days; the limit is unknown."
    if percent > 50:
        return Advice(State.ACT_NOW, "Act now: provide 2 times as much.", why)
    if percent > 20:
        return Advice(State.ACT_THIS_WEEK, "Within a week provide 1.5 times as much.", why)
    if percent > 0:
        return Advice(State.KEEP_BUFFER, "Keep a 25% buffer.", why)
    return Advice(State.ADEQUATE, "Adequate; nothing to do.", "No growth; the limit is unknown.")


def _much(peak: float, limit: float) -> str:
    """Say how much to provide: the predicted peak and a buffer of 25%, in tenths of the limit, rounded up."""
    factor = math.ceil(round(10 * BUFFER * peak / limit, 6)) / 10
    return f"provide {max(factor, 1.1):.1f} times as much"


def _when(p10: datetime | None, p50: datetime | None, p90: datetime | None) -> str:
    if p10 is None or p50 is None:
        return "perhaps" if p10 is None else f"perhaps, from {p10:%d %b} on"
    last = f"{p90:%d %b}" if p90 else "later than 90 days"
    return f"on {p50:%d %b} (80%: {p10:%d %b} to {last})"


def _words(probability: float) -> str:
    for least, words in ((0.95, "almost certain"), (0.7, "likely"), (0.4, "even odds"), (0.1, "unlikely")):
        if probability >= least:
            return words
    return "very unlikely"
