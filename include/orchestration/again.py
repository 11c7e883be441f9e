"""A late window read again: where the source says what it said before, nothing is judged or loaded.

Most re-reads bring nothing new. Comparing the landed file's checksum with that of the load in place costs a tenth of
judging and loading it, so a source may have a `lateness` of many steps.
"""

from typing import Any

import sqlalchemy as sa

from include.landing import Landed, landed_at, remove_landed
from include.orchestration.runtime import Runtime
from include.warehouse import LoadStatus
from include.warehouse.schema import load_log

_IN_PLACE = (LoadStatus.LOADED, LoadStatus.UNCHANGED)


def nothing_new(rt: Runtime, landed: Landed) -> int | None:
    """Return how many rows are in place when `landed` equals the load in place, else None.

    Equal means: the last load over any part of the scope was of this very scope, did not fail, and landed the same
    bytes. The new file is then removed and the ledger says `unchanged`, with the old file.
    """
    before = _last_load(rt, landed)
    if before is None:
        return None
    remove_landed(landed)
    now = rt.clock.now()
    entry = before | {
        "load_id": landed.load_id,
        "status": LoadStatus.UNCHANGED.value,
        "message": None,
        "started_at": landed.created,
        "finished_at": now,
        "run_id": rt.run_id,
    }
    with rt.warehouse.transaction() as tx:
        tx.append(load_log, [entry])
    return int(before["rows_loaded"])


def _last_load(rt: Runtime, landed: Landed) -> dict[str, Any] | None:
    scope = landed.scope
    over_it = sa.select(load_log).where(
        load_log.c.source == scope.source,
        load_log.c.dataset == scope.dataset,
        load_log.c.query == scope.query,
        load_log.c.window_start < scope.window.end,
        load_log.c.window_end > scope.window.start,
        load_log.c.status.in_([status.value for status in (*_IN_PLACE, LoadStatus.FAILED)]),
    )
    found = rt.warehouse.read(
        over_it.order_by(load_log.c.finished_at.desc(), load_log.c.load_id.desc()).limit(1)
    ).to_pylist()
    if not found:
        return None
    last: dict[str, Any] = found[0]
    if last["status"] not in _IN_PLACE:
        return None  # what a failed load set apart took the place of what the one before it did
    if (last["window_start"], last["window_end"]) != (scope.window.start, scope.window.end):
        return None
    old = landed_at(last["landed_at_path"]) if last["landed_at_path"] else None
    if old is None:
        return None
    same = (old.checksum, old.schema_hash, old.rows) == (landed.checksum, landed.schema_hash, landed.rows)
    return last if same else None
