import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from include.clock import FixedClock
from include.warehouse.lock import FileLock, LockHeldHereError, LockTimeoutError
from tests.warehouse.shop import START

ROOT = Path(__file__).parents[2]
HOLDS = """
import sys, time
from pathlib import Path
from include.clock import SystemClock
from include.warehouse.lock import FileLock
with FileLock(Path(sys.argv[1]), 30, sys.argv[2], SystemClock()).hold(shared=sys.argv[3] == "shared"):
    print("held", flush=True)
    time.sleep(60)
"""
TURNS = """
import sys, time
from pathlib import Path
from include.clock import SystemClock
from include.warehouse.lock import FileLock
lock = FileLock(Path(sys.argv[1]), 60, "writer", SystemClock())
start = time.monotonic()
while time.monotonic() - start < 2:
    asked = time.monotonic()
    with lock.hold(shared=False):
        print(time.monotonic() - asked, flush=True)
        time.sleep(0.02)
"""


def lock(database: Path, timeout_seconds: float = 0.3) -> FileLock:
    return FileLock(database, timeout_seconds, "test", FixedClock(START))


def holding(database: Path, task: str, access: str) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(database), task, access], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_time_out_names_the_holder_and_says_what_to_do(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    with holding(database, "ingest_metrics shop", "alone") as holder:
        asked = time.monotonic()
        with pytest.raises(LockTimeoutError) as error, lock(database).hold(shared=True):
            pass
        waited = time.monotonic() - asked
        named = lock(database).holder()
        holder.kill()
    assert 0.3 <= waited < 2
    assert f"is held by pid {holder.pid} (ingest_metrics shop), which has it to write since 20" in str(error.value)
    assert "raise ALMANAC_LOCK_TIMEOUT_SECONDS" in str(error.value)
    assert named is not None
    assert named.pid == holder.pid


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    with holding(database, "ingest", "alone") as holder:
        threading.Timer(0.3, lambda: os.kill(holder.pid, signal.SIGKILL)).start()
        with lock(database, 20).hold(shared=False):
            assert json.loads((tmp_path / "w.duckdb.lock").read_text())["pid"] == os.getpid()
    assert lock(database).holder() is None


def test_readers_share_and_a_writer_waits_for_them(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    with holding(database, "report", "shared") as reader:
        with lock(database).hold(shared=True):
            pass
        with pytest.raises(LockTimeoutError, match=r"\(.*\), which has it to read"), lock(database).hold(shared=False):
            pass
        reader.kill()
    with lock(database).hold(shared=False):
        pass


def test_a_waiting_writer_is_not_passed_by_later_readers(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    order = []
    with holding(database, "report", "shared") as reader:

        def take(name: str, shared: bool) -> None:
            with lock(database, 20).hold(shared=shared):
                order.append(name)
                time.sleep(0.1)

        writer = threading.Thread(target=take, args=("writer", False))
        writer.start()
        time.sleep(0.3)
        late = threading.Thread(target=take, args=("late reader", True))
        late.start()
        time.sleep(0.3)
        assert order == []
        reader.kill()
        writer.join()
        late.join()
    assert order == ["writer", "late reader"]


def test_a_wait_that_was_given_up_does_not_take_the_lock_later(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    holder = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with lock(database).hold(shared=False):
            holder.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    holder.wait(20)
    with pytest.raises(LockTimeoutError), lock(database).hold(shared=False):
        pass
    done.set()
    thread.join()
    with lock(database, 5).hold(shared=False):
        pass


def test_asking_again_in_the_same_thread_is_an_error_and_no_deadlock(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    with (
        lock(database).hold(shared=False),
        pytest.raises(LockHeldHereError, match="Read with the transaction that is open"),
        lock(database).hold(shared=True),
    ):
        pass


def test_no_writer_starves_beside_others_that_ask_again_at_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", TURNS, str(tmp_path / "w.duckdb")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    waits = [[float(line) for line in writer.communicate(timeout=60)[0].split()] for writer in writers]
    everyone = sorted(wait for own in waits for wait in own)
    print(f"{len(everyone)} turns, p95 {everyone[int(0.95 * len(everyone))]:.2f} s, longest {everyone[-1]:.2f} s")
    assert min(len(own) for own in waits) >= 5
    assert everyone[-1] < 5
