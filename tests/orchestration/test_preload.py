"""The scheduler holds the heavy libraries when it forks, and nothing that a fork would break."""

import os
import subprocess
import sys

from include.orchestration.preload import ONE_THREAD, PRELOAD


def test_preloading_leaves_one_thread():
    code = "from include.orchestration.preload import preload, threads; preload(); print(threads())"
    answer = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip().splitlines()[-1] == "1"


def test_what_starts_threads_is_not_preloaded():
    assert not {"duckdb", "polars", "torch", "numba"} & {name.partition(".")[0] for name in PRELOAD}
