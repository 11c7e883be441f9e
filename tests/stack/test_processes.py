"""The local stack's processes: started in the background, stopped with all that they have started."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.stack.processes import Process, StackError, Supervisor, check_ports

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
START_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
print(child.pid, flush=True)
time.sleep(60)
"""
PARENT = [sys.executable, "-c", START_A_CHILD]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, os.environ, tmp_path)
    yield made
    made.stop(patience_seconds=0)


def wait_for_output(supervisor: Supervisor, name: str) -> str:
    for _ in range(100):
        if text := supervisor.tail(name):
            return text
        time.sleep(0.05)
    pytest.fail(f"{name} never said anything")


def test_a_process_runs_in_the_background_until_it_is_stopped(supervisor: Supervisor):
    supervisor.start(Process("sleeper", SLEEPER, {}))
    assert list(supervisor.running()) == ["sleeper"]
    assert supervisor.stop() == ["sleeper"]
    assert supervisor.running() == {}


def test_stopping_ends_what_a_process_has_started_too(supervisor: Supervisor):
    supervisor.start(Process("parent", PARENT, {}))
    child = int(wait_for_output(supervisor, "parent"))
    supervisor.stop()
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_process_that_will_not_end_is_killed(supervisor: Supervisor):
    supervisor.start(Process("stubborn", STUBBORN, {}))
    wait_for_output(supervisor, "stubborn")
    supervisor.stop(patience_seconds=0.5)
    assert supervisor.running() == {}


def test_a_process_that_died_is_forgotten(supervisor: Supervisor):
    supervisor.start(Process("brief", [sys.executable, "-c", "print('bye')"], {}))
    for _ in range(100):
        if not supervisor.running():
            break
        time.sleep(0.05)
    assert supervisor.running() == {}
    assert supervisor.tail("brief") == "bye"


def test_a_taken_port_is_named_with_the_variable_that_moves_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"port {port} is taken \(set ALMANAC_UI_PORT=<another port>\)"):
            check_ports([Process("api-server", [], {"ALMANAC_UI_PORT": port})])
