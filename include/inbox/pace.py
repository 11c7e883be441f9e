"""How fast a source may deliver: a bucket of tokens each, full after a minute of quiet."""

import math
import threading
import time
from collections.abc import Callable


class Pace:
    """One bucket per source, in this process."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._buckets: dict[str, tuple[float, float]] = {}
        self._turns = threading.Lock()

    def wait(self, source: str, per_minute: int) -> int:
        """Take one token; return 0, or where there is none the whole seconds until there is."""
        with self._turns:
            now = self._seconds()
            left, at = self._buckets.get(source, (float(per_minute), now))
            left = min(float(per_minute), left + (now - at) * per_minute / 60)
            self._buckets[source] = (left - 1 if left >= 1 else left, now)
        return 0 if left >= 1 else math.ceil((1 - left) * 60 / per_minute)
