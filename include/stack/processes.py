"""Background processes with a pid file each: start, look, stop with nothing left behind.

Every process leads its own session, so that stopping signals all that it has started.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.errors import AlmanacError


class StackError(AlmanacError):
    """Something that keeps the local stack from starting or finishing."""


@dataclass(frozen=True)
class Process:
    """One server of the stack: its name, its command line and the ports that it listens on."""

    name: str
    command: Sequence[str]
    ports: Mapping[str, int]


def port_is_free(port: int) -> bool:
    """Return whether nothing listens on that port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_ports(processes: Sequence[Process]) -> None:
    """Raise a `StackError` that names every port in use and the variable that moves it."""
    taken = [
        f"port {port} is taken (set {variable}=<another port>)"
        for process in processes
        for variable, port in process.ports.items()
        if not port_is_free(port)
    ]
    if taken:
        raise StackError(f"Cannot start: {'; '.join(taken)}. If an earlier run is still up, `make down` stops it.")


class Supervisor:
    """Starts and stops processes whose pid files and logs lie in one folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str], cwd: Path) -> None:
        self._pids = folder / "run"
        self.logs = folder / "logs"
        self._environment = dict(environment)
        self._cwd = cwd
        self._pids.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)

    def start(self, process: Process) -> None:
        """Start a process in the background; its output goes to `logs/<name>.log`."""
        with (self.logs / f"{process.name}.log").open("ab") as log:
            child = subprocess.Popen(
                list(process.command),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                cwd=self._cwd,
                start_new_session=True,
            )
        (self._pids / f"{process.name}.pid").write_text(str(child.pid))

    def running(self) -> dict[str, int]:
        """Return name → pid of the processes that live, and forget those that do not."""
        alive = {}
        for file in sorted(self._pids.glob("*.pid")):
            pid = int(file.read_text())
            if _is_alive(pid):
                alive[file.stem] = pid
            else:
                file.unlink(missing_ok=True)
        return alive

    def tail(self, name: str, lines: int = 15) -> str:
        """Return the last lines that a process has written."""
        log = self.logs / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def stop(self, patience_seconds: float = 30) -> list[str]:
        """Ask every process group to end, insist after the patience; return the names of those stopped."""
        alive = self.running()
        for pid in alive.values():
            _signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        while any(_group_lives(pid) for pid in alive.values()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for name, pid in alive.items():
            if _group_lives(pid):
                _signal_group(pid, signal.SIGKILL)
            (self._pids / f"{name}.pid").unlink(missing_ok=True)
        return sorted(alive)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "?"


def _group_lives(pgid: int) -> bool:
    """Return whether a process of that group lives; zombies that nobody has reaped yet do not count."""
    if not Path("/proc").is_dir():
        return _is_alive(pgid)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pgid and fields[0] != "Z":
            return True
    return False


def _signal_group(pgid: int, sig: signal.Signals) -> None:
    try:
        os.killpg(pgid, sig)
    except (ProcessLookupError, PermissionError):
        return
