"""The lock around every connection to a DuckDB file: blocking, fair, with a time-out, and it names its holder.

While one process has a DuckDB file open for writing no other can open it, so writers take the lock alone and readers
share it. Two locks make it fair: whoever waits for the file stands in the `turn` lock, and nobody passes them; with
one lock alone, a process that releases and asks again at once beats the sleeping ones. Both are `flock`s, so the
kernel frees them when a process dies, and both wait in the kernel: polling starves (measured: 8 s against 1.6 s).
"""

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from include.clock import Clock
from include.errors import AlmanacError

_held_here = threading.local()


class LockTimeoutError(AlmanacError):
    """The lock was not free in time; the message names its holder."""


class LockHeldHereError(AlmanacError):
    """The thread asked for the lock that it holds, and would wait for itself."""


@dataclass(frozen=True)
class Holder:
    """Who has, or last had, the lock."""

    pid: int
    task: str
    access: str
    since: str

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.task}), which has it to {self.access} since {self.since}"


class FileLock:
    """The lock of one DuckDB file: `<file>.lock`, whose text names the holder, and `<file>.turn`, the queue for it."""

    def __init__(self, database: Path, timeout_seconds: float, task: str, clock: Clock) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._turn = database.with_name(database.name + ".turn")
        self._timeout_seconds = timeout_seconds
        self._task = task
        self._clock = clock

    @contextmanager
    def hold(self, shared: bool) -> Iterator[None]:
        """Hold the lock, together with other readers (`shared`) or alone, for the length of a `with` block.

        Raises `LockTimeoutError` when it is not free within the time-out, `LockHeldHereError` when this very thread
        has it already.
        """
        held: set[Path] = _held_here.__dict__.setdefault("paths", set())
        if self.path in held:
            raise LockHeldHereError(
                f"This thread already has {self.path.name}. Read with the transaction that is open, or end it first."
            )
        deadline = time.monotonic() + self._timeout_seconds
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        turn = self._take(self._turn, fcntl.LOCK_EX, deadline)
        try:
            lock = self._take(self.path, mode, deadline)
        finally:
            _release(turn)
        held.add(self.path)
        try:
            self._sign(lock, "read" if shared else "write")
            yield
        finally:
            held.discard(self.path)
            _release(lock)

    def holder(self) -> Holder | None:
        """Return who has the lock, or None when it is free. Of several readers it names the last to come."""
        try:
            probe = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_signature(probe)
        finally:
            _release(probe)
        return None

    def _take(self, path: Path, mode: int, deadline: float) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if _Wait(descriptor, mode).until(deadline):
            return descriptor
        raise LockTimeoutError(
            f"The warehouse was not free within {self._timeout_seconds:g} s: {self.path} is held by "
            f"{self.holder() or 'others, in turn'}. Wait for it or stop that process; if work is meant to take that "
            "long, raise ALMANAC_LOCK_TIMEOUT_SECONDS or use PostgreSQL."
        )

    def _sign(self, descriptor: int, access: str) -> None:
        since = self._clock.now().isoformat(timespec="seconds")
        text = json.dumps(asdict(Holder(os.getpid(), self._task, access, since)))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


class _Wait:
    """One wait for an flock that can be given up.

    A thread waits in the kernel, so the caller can stop waiting (time-out, signal). A lock that comes after the caller
    has left is let go at once.
    """

    def __init__(self, descriptor: int, mode: int) -> None:
        self._descriptor = descriptor
        self._mode = mode
        self._taken = threading.Event()
        self._settle = threading.Lock()
        self._given_up = False

    def until(self, deadline: float) -> bool:
        """Wait until the lock is there (True) or the deadline has passed (False, the descriptor is no longer ours)."""
        with suppress(BlockingIOError):
            fcntl.flock(self._descriptor, self._mode | fcntl.LOCK_NB)
            return True
        threading.Thread(target=self._wait, name="warehouse-lock", daemon=True).start()
        try:
            return self._taken.wait(max(0.0, deadline - time.monotonic())) or not self._give_up()
        except BaseException:
            if not self._give_up():
                _release(self._descriptor)
            raise

    def _wait(self) -> None:
        fcntl.flock(self._descriptor, self._mode)
        with self._settle:
            if self._given_up:
                _release(self._descriptor)
            else:
                self._taken.set()

    def _give_up(self) -> bool:
        """Return whether the wait could still be given up: False when the lock arrived in the last moment."""
        with self._settle:
            if self._taken.is_set():
                return False
            self._given_up = True
            return True


def this_task() -> str:
    """Return the command line of this process, for people who look for the holder."""
    return " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:]])[:200]


def _release(descriptor: int) -> None:
    # Unlock by name: a forked child may have inherited the descriptor, and closing ours alone would keep the lock.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _read_signature(descriptor: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return Holder(0, "a process that has not signed yet", "open", "just now")
