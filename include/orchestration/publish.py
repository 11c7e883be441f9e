"""One document per audience: built, stored where the pages find it, listed in the ledger, and due for mail."""

from collections.abc import Callable, Iterable
from datetime import datetime

import sqlalchemy as sa

from include.notify.delivery import announce
from include.orchestration.runtime import Runtime
from include.report import EVERYONE, Document, Edition, Store
from include.warehouse.schema import report
from include.window import Window

Build = Callable[[Edition, Document | None], Document]


def publish(
    rt: Runtime, name: str, window: Window, build: Build, owners: Iterable[str], next_at: datetime, mailed: bool = True
) -> list[str]:
    """Build the editions of a report for everyone and for each owner; return the ids of the documents.

    A document that is built again for its window replaces itself; its delivery stays what it was, so late data reach
    the page and nobody is told twice.
    """
    store = Store(rt.settings.documents)
    documents = []
    for audience in (EVERYONE, *sorted(owners)):
        known = rt.config.mail.audiences.get(audience)
        edition = Edition(
            audience=audience, time_zone=known.time_zone if known else "UTC", next_at=next_at, run_id=rt.run_id
        )
        document = build(edition, store.previous(name, audience, window.end))
        store.write(document)
        documents.append(document)
    with rt.warehouse.transaction() as tx:
        known_ids = set(tx.read(sa.select(report.c.report_id).where(report.c.name == name))["report_id"].to_pylist())
        tx.append(report, [_row(rt, document) for document in documents if document.id not in known_ids])
        if mailed:
            for document in documents:
                announce(tx, document.id, name, document.audience, window, rt.clock.now())
    return [document.id for document in documents]


def _row(rt: Runtime, document: Document) -> dict[str, object]:
    return {
        "report_id": document.id,
        "name": document.name,
        "audience": document.audience,
        "window_start": document.window_start,
        "window_end": document.window_end,
        "verdict": document.verdict.text,
        "path": f"{rt.settings.documents}/{document.name}/documents/{document.id}.json",
        "run_id": rt.run_id,
        "built_at": rt.clock.now(),
    }
