"""Every connector against its fake or real server: rows/s, and whether its memory stays flat.

Rows/s count the reader's own processor time, because the fakes are written to be right and not to be fast; the note has
the time on the wall. Redaction is in it, landing and loading are not (see `ingest`). Memory is flat when a read of four
times the rows peaks little higher.
"""

from collections.abc import Iterator

from benchmarks.result import Options, Row, run
from benchmarks.source_cases import CASES, Case
from benchmarks.source_reading import MissingServerError, Reading, measure

TIMES = 4
FLAT = 32.0
"""MiB: a batch of each kind in flight, and what the allocators keep."""
RATE, GROWTH = "rows/s of own processor time", f"MiB more for {TIMES} x the rows"


def rows(options: Options) -> Iterator[Row]:
    """Yield the speed and the growth of each connector; one whose server cannot run here says so."""
    for case in CASES:
        if options.wants(case.name):
            yield from _case(case, case.rows // 10 if options.quick else case.rows)


def _case(case: Case, few: int) -> Iterator[Row]:
    try:
        small, large = measure(case.serve, few), measure(case.serve, TIMES * few)
    except MissingServerError as missing:
        yield Row.missing(case.name, RATE, str(missing))
        return
    for asked, got in ((few, small.rows), (TIMES * few, large.rows)):
        assert got == asked, f"{case.name}: {got:,} rows instead of {asked:,}"
    yield Row(case.name, RATE, large.rows / large.processor, n=large.rows, seconds=large.processor, note=_wall(large))
    yield Row(
        case.name,
        GROWTH,
        large.growth - small.growth,
        FLAT,
        n=large.rows,
        higher_is_better=False,
        note=f"peak {small.growth:.1f} MiB for {small.rows:,} rows, {large.growth:.1f} MiB for {large.rows:,}",
    )


def _wall(reading: Reading) -> str:
    return f"{reading.rows / reading.wall:,.0f} rows/s with the server's own time"


if __name__ == "__main__":
    run("sources", "Every connector against its fake or real server: rows/s, and flat memory.", rows)
