"""Delivery: letters of stored documents, to whom they are due."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from email.message import EmailMessage
from typing import Any

from include.notify.delivery import Delivery, deliver
from include.notify.mail import Letter
from include.orchestration.runtime import Runtime
from include.report import Store
from include.report.letter import letter

Mailer = Callable[[], AbstractContextManager[Callable[[EmailMessage], None]]]


def deliver_due(rt: Runtime, mailer: Mailer, at_once: bool = False) -> dict[str, Any]:
    """Send what is due and note it in the ledger; return how many deliveries ended how.

    `at_once` does not wait for an audience's send hour. Nothing is sent while `mail.enabled` is false.
    """
    if not rt.config.mail.enabled:
        return {"enabled": False, "why": "mail.enabled is false in mail.yaml"}
    store = Store(rt.settings.documents)

    def letter_of(row: Delivery) -> Letter:
        document = store.read(row.name, row.report_id)
        return letter(document, link=f"{rt.settings.ui}/almanac/reports/{row.name}/{row.report_id}")

    with mailer() as send:
        outcome = deliver(rt.warehouse, rt.config.mail, rt.clock, letter_of, send, at_once=at_once)
    return {
        "enabled": True,
        "sent": len(outcome.sent),
        "refused": len(outcome.refused),
        "failed": len(outcome.failed),
        "superseded": len(outcome.superseded),
    }
