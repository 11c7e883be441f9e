"""How fast another system may be asked: our own pace, and what it says in the headers of a refusal."""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from include.clock import Clock

_EPOCH = 1_000_000_000
"""A reset that is larger than this is a moment (GitHub), a smaller one a number of seconds (Datadog, PagerDuty)."""
_RESETS = ("X-RateLimit-Reset", "RateLimit-Reset", "X-RateLimit-Period-In-Sec")


class Pace:
    """Spaces requests evenly: at most so many begin in a second, from however many threads."""

    def __init__(self, per_second: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._gap = 1.0 / per_second if per_second else 0.0
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = 0.0

    def wait(self) -> None:
        """Return when the next request may begin."""
        if not self._gap:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._free_at)
            self._free_at = begin + self._gap
        if begin > now:
            self._sleep(begin - now)


def wanted_wait(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Return the seconds that a refusal asks to wait, or None where it does not say.

    `Retry-After` (RFC 9110, 10.2.3: seconds or an HTTP date) comes first, then `X-RateLimit-Reset` or
    `RateLimit-Reset`: seconds to wait, or a moment in seconds since 1970; then Opsgenie's
    `X-RateLimit-Period-In-Sec`: the length of the period whose requests are spent.
    """
    said = headers.get("Retry-After", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        pass
    else:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - clock.now()).total_seconds())
    for name in _RESETS:
        reset = headers.get(name, "").strip()
        if reset.isdecimal():
            number = float(reset)
            return max(0.0, number - clock.now().timestamp()) if number > _EPOCH else number
    return None
