"""One read of one source, measured: the server in one process, the reader in another, which holds nothing else.

Peak memory is that of the reader (`VmHWM`, reset before it begins), so that neither the server's rows nor a read before
this one are in it.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from include.config.query import MetricQuery
from include.config.source import Feed, SourceConfig
from include.errors import AlmanacError
from include.http import Credentials
from include.sources import open_source
from include.window import Window

_SPAWN = get_context("spawn")  # a fork would bring this process's memory along


class MissingServerError(AlmanacError):
    """A server that cannot run here; the message says why."""


class BrokenServerError(AlmanacError):
    """A server that ended before it was filled; what it said stands above."""


@dataclass(frozen=True)
class Served:
    """What a server holds and how to read it: a source as in `sources.yaml`, its feed or metric query, the window.

    `prepare` runs in the reader before it begins.
    """

    source: Mapping[str, Any]
    query: Mapping[str, Any]
    window: Window
    who: Credentials | None = None
    prepare: Callable[[], None] | None = None


Serve = Callable[[int], AbstractContextManager[Served]]


@dataclass(frozen=True)
class Reading:
    """One read: its rows, the reader's own processor time and the time on the wall in seconds, its growth in MiB."""

    rows: int
    processor: float
    wall: float
    growth: float


def measure(serve: Serve, rows: int) -> Reading:
    """Return one read of a server that holds so many rows; raises `MissingServerError` where it cannot run."""
    with _serving(serve, rows) as served, ProcessPoolExecutor(1, mp_context=_SPAWN) as reader:
        return reader.submit(_read, served).result()


@contextmanager
def _serving(serve: Serve, rows: int) -> Iterator[Served]:
    here, there = _SPAWN.Pipe()
    server = _SPAWN.Process(target=_serve, args=(serve, rows, there))
    server.start()
    there.close()
    try:
        try:
            served = here.recv()
        except EOFError:
            raise BrokenServerError("The server ended before it was filled. See its own error above.") from None
        if isinstance(served, str):
            raise MissingServerError(served)
        yield served
        here.send(None)
    finally:
        here.close()
        server.join(30)
        server.kill()


def _serve(serve: Serve, rows: int, pipe: Connection) -> None:
    try:
        with serve(rows) as served:
            pipe.send(served)
            pipe.recv()
    except (ImportError, FileNotFoundError) as error:
        pipe.send(f"{type(error).__name__}: {error}")
    except EOFError:
        return


def _read(served: Served) -> Reading:
    if served.prepare is not None:
        served.prepare()
    config = SourceConfig.model_validate({"name": "benchmark", **served.source})
    query: Feed | MetricQuery
    if "dataset" in served.query:
        query = Feed.model_validate({"name": "feed", "source": "benchmark", **served.query})
    else:
        asked = {"name": "metric", "sources": ["benchmark"], "kind": "other", "unit": "ratio", **served.query}
        query = MetricQuery.model_validate(asked)
    source = open_source(config, query, served.who)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, began, worked = _resident("VmRSS"), time.perf_counter(), time.process_time()
    rows = sum(batch.num_rows for batch in source.read(served.window))
    wall, processor = time.perf_counter() - began, time.process_time() - worked
    return Reading(rows, processor, wall, _resident("VmHWM") - before)


def _resident(name: str) -> float:
    """Return one figure of this process's memory in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise MissingServerError(f"this system tells no {name}")
