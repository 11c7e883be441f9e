"""Where a result came from: its loads, window, model version, configuration and code."""

import sqlalchemy as sa

from include.orchestration.runtime import Runtime, code_version
from include.warehouse import LoadStatus, Warehouse
from include.warehouse.schema import lineage, load_log
from include.warehouse.write import Transaction
from include.window import Window


def loads_of(reader: Warehouse | Transaction, window: Window) -> list[str]:
    """Return the ids of the loads whose rows a window may hold, oldest first."""
    mine = sa.select(load_log.c.load_id).where(
        load_log.c.window_start < window.end,
        load_log.c.window_end > window.start,
        load_log.c.status == LoadStatus.LOADED.value,
    )
    return sorted(reader.read(mine)["load_id"].to_pylist())


def record_lineage(
    tx: Transaction, rt: Runtime, producer: str, window: Window, model_version: str | None = None
) -> None:
    """Append one row that says what a run's results over `window` were computed from."""
    tx.append(
        lineage,
        [
            {
                "run_id": rt.run_id,
                "producer": producer,
                "window_start": window.start,
                "window_end": window.end,
                "loads": loads_of(tx, window),
                "model_version": model_version,
                "config_hash": rt.config.fingerprint,
                "code_version": code_version(),
                "recorded_at": rt.clock.now(),
            }
        ],
    )
