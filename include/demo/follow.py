"""Keeps the world turning: every minute, the files of today get what became known since."""

import signal
import threading
from datetime import datetime
from pathlib import Path

from include.clock import Clock
from include.demo.files import EVENTS, RECORDS, reach_of, write_day
from include.demo.state import read_state
from include.demo.world import MINUTES, day_of, moment_of

HEAVY_EVERY = 5
"""Logs and traces are larger: they come every so many minutes."""


def follow(folder: Path, state_path: Path, clock: Clock) -> None:
    """Write until SIGTERM or SIGINT; files are replaced whole, so a stop at any moment leaves them readable."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    heavy = [name for name in EVENTS if (folder / name).is_dir()]
    while not stopped.is_set():
        now = clock.now()
        catch_up(folder, state_path, now, ["metrics", *RECORDS, *(heavy if now.minute % HEAVY_EVERY == 0 else [])])
        stopped.wait(60.5 - clock.now().timestamp() % 60)


def catch_up(folder: Path, state_path: Path, now: datetime, datasets: list[str]) -> None:
    """Write everything from the last written day up to the whole minute before `now`."""
    state = read_state(state_path)
    until = now.replace(second=0, microsecond=0)
    today = day_of(until)
    first = today
    while first > state.first_day and reach_of(folder, first - 1) < moment_of(first * MINUTES):
        first -= 1
    for day in range(first, today + 1):
        every = ["metrics", *RECORDS, *(name for name in EVENTS if (folder / name).is_dir())]
        write_day(folder, state, day, until, datasets if day == today else every)
