"""Who is sent what, once: the `delivery` ledger, one row per report, window, audience and channel.

A row goes `pending` → `sending` → `sent`. It is `sending`, and committed, before the mail server hears of it. So a
process that dies between the server's yes and our note leaves `sending`; nobody can know whether that mail went out,
and it is not sent again: the next run makes it `failed` and says so, with the Message-ID to look for. A server that
said no leaves `pending`, tried again up to `MOST_ATTEMPTS` times. `superseded` are reports that a newer one overtook.
"""

import smtplib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from enum import StrEnum
from zoneinfo import ZoneInfo

import pandas as pd
import sqlalchemy as sa

from include.clock import Clock
from include.config.mail import Mail
from include.errors import AlmanacError
from include.notify.mail import Letter, compose
from include.warehouse import Warehouse
from include.warehouse.schema import delivery
from include.warehouse.write import Transaction
from include.window import Window, stable_hash

MAIL = "mail"
MOST_ATTEMPTS = 3
LOST_AFTER = timedelta(minutes=15)
_LEAST = timedelta(microseconds=1)
_REFUSALS = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, ConnectionRefusedError, socket.gaierror)


class State(StrEnum):
    """State of one delivery."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Delivery:
    """One row of the ledger."""

    delivery_id: str
    report_id: str
    name: str
    audience: str
    channel: str
    window: Window
    state: State
    message: str | None
    attempts: int
    updated_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What one run of deliveries did: ids by what became of them."""

    sent: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)


def delivery_id(name: str, audience: str, window: Window, channel: str = MAIL) -> str:
    """Return the key of a delivery: 16 hexadecimal digits, the same for the same report, audience, window, channel."""
    return f"{stable_hash('delivery', name, audience, window.key, channel) & (2**64 - 1):016x}"


def announce(
    tx: Transaction, report_id: str, name: str, audience: str, window: Window, now: datetime, channel: str = MAIL
) -> bool:
    """Put a report into the ledger as pending, unless it is there; return whether it is new."""
    tx.take_turns("delivery")
    key = delivery_id(name, audience, window, channel)
    if _rows(tx.frame(sa.select(delivery).where(delivery.c.delivery_id == key))):
        return False
    _write(tx, Delivery(key, report_id, name, audience, channel, window, State.PENDING, None, 0, now))
    return True


def due(
    ledger: list[Delivery], mail: Mail, now: datetime, at_once: bool = False
) -> tuple[list[Delivery], list[Delivery]]:
    """Return which deliveries are to be sent now, and which a newer one overtook.

    An audience gets each report at most once between two of its send hours, the newest, from its send hour to its
    midnight; `at_once` does not wait for the hour. A pending window that is not newer than one already handed over is
    overtaken. Audiences without addresses wait.
    """
    ready: list[Delivery] = []
    overtaken: list[Delivery] = []
    for key in sorted({(row.name, row.audience, row.channel) for row in ledger}):
        rows = [row for row in ledger if (row.name, row.audience, row.channel) == key]
        handed = [row for row in rows if row.state in {State.SENT, State.SENDING, State.FAILED}]
        last_window = max((row.window.end for row in handed), default=None)
        pending = sorted((row for row in rows if row.state is State.PENDING), key=lambda row: row.window.end)
        fresh = [row for row in pending if last_window is None or row.window.end > last_window]
        overtaken += [row for row in pending if row not in fresh] + fresh[:-1]
        since = _send_moment(mail, key[1], now)
        if fresh and since is not None:
            told = any(row.state is not State.FAILED and row.updated_at >= since for row in handed)
            if at_once or (now >= since and not told):
                ready.append(fresh[-1])
    return ready, overtaken


def deliver(
    warehouse: Warehouse,
    mail: Mail,
    clock: Clock,
    letter_of: Callable[[Delivery], Letter],
    send: Callable[[EmailMessage], None],
    at_once: bool = False,
) -> Outcome:
    """Send what is due and note it; does nothing while `mail.enabled` is false. Safe to run twice, and at once.

    `letter_of` makes the letter of a delivery; an `AlmanacError` from it fails that delivery alone.
    """
    outcome = Outcome()
    if not mail.enabled:
        return outcome
    with warehouse.transaction() as tx:
        ledger = [_lost(tx, row, clock.now(), outcome) for row in _rows(tx.frame(_open_or_recent(clock.now())))]
        ready, overtaken = due(ledger, mail, clock.now(), at_once)
        for row in overtaken:
            _note(tx, row, State.SUPERSEDED, clock.now(), "a newer report was sent or is due")
            outcome.superseded.append(row.delivery_id)
    for row in ready:
        claimed = _claim(warehouse, row, clock)
        if claimed is not None:
            _send_one(warehouse, claimed, mail, clock, letter_of, send, outcome)
    return outcome


def _send_one(
    warehouse: Warehouse,
    row: Delivery,
    mail: Mail,
    clock: Clock,
    letter_of: Callable[[Delivery], Letter],
    send: Callable[[EmailMessage], None],
    outcome: Outcome,
) -> None:
    audience = mail.audiences[row.audience]
    try:
        send(compose(letter_of(row), mail.sender, audience.addresses, row.delivery_id, clock.now()))
    except _REFUSALS as error:
        again = row.attempts < MOST_ATTEMPTS
        state, message = State.PENDING if again else State.FAILED, f"the mail server refused it: {error}"
        (outcome.refused if again else outcome.failed).append(row.delivery_id)
    except AlmanacError as error:
        state, message = State.FAILED, str(error)
        outcome.failed.append(row.delivery_id)
    except (OSError, smtplib.SMTPException) as error:
        state, message = State.FAILED, _unknown(row, f"{type(error).__name__}: {error}")
        outcome.failed.append(row.delivery_id)
    else:
        state, message = State.SENT, ", ".join(audience.addresses)
        outcome.sent.append(row.delivery_id)
    with warehouse.transaction() as tx:
        _note(tx, row, state, clock.now(), message)


def _claim(warehouse: Warehouse, row: Delivery, clock: Clock) -> Delivery | None:
    """Make a pending delivery ours, committed; None where another run was faster."""
    with warehouse.transaction() as tx:
        tx.take_turns("delivery")
        now = _rows(tx.frame(sa.select(delivery).where(delivery.c.delivery_id == row.delivery_id)))
        if not now or now[0].state is not State.PENDING:
            return None
        return _note(tx, now[0], State.SENDING, clock.now(), None, attempts=now[0].attempts + 1)


def _lost(tx: Transaction, row: Delivery, now: datetime, outcome: Outcome) -> Delivery:
    """Close a delivery whose sender died; it may have gone out, so it is not sent again."""
    if row.state is not State.SENDING or now - row.updated_at < LOST_AFTER:
        return row
    outcome.failed.append(row.delivery_id)
    return _note(tx, row, State.FAILED, now, _unknown(row, "the process that sent it died"))


def _unknown(row: Delivery, why: str) -> str:
    return f"It may or may not have been sent ({why}); it is not sent again. Look for Message-ID {row.delivery_id}."


def _send_moment(mail: Mail, audience: str, now: datetime) -> datetime | None:
    """Return today's send hour of an audience, in its own zone; None where nobody has an address."""
    known = mail.audiences.get(audience)
    if known is None:
        return None
    hour = mail.send_hour if known.send_hour is None else known.send_hour
    return now.astimezone(ZoneInfo(known.time_zone)).replace(hour=hour, minute=0, second=0, microsecond=0)


def _open_or_recent(now: datetime) -> sa.Select[tuple[object, ...]]:
    """Return all that is open, and what was handed over of late, which decides what is overtaken."""
    is_open = delivery.c.state.in_([State.PENDING.value, State.SENDING.value])
    recent = delivery.c.updated_at >= now - timedelta(days=60)
    return sa.select(delivery).where(delivery.c.channel == MAIL, sa.or_(is_open, recent))


def _note(
    tx: Transaction, row: Delivery, state: State, now: datetime, message: str | None, attempts: int | None = None
) -> Delivery:
    """Write the next state of a delivery, never older than the one before."""
    at = max(now, row.updated_at + _LEAST)
    count = row.attempts if attempts is None else attempts
    noted = Delivery(
        row.delivery_id, row.report_id, row.name, row.audience, row.channel, row.window, state, message, count, at
    )
    _write(tx, noted)
    return noted


def _write(tx: Transaction, row: Delivery) -> None:
    fields = {name: [getattr(row, name)] for name in ("delivery_id", "report_id", "name", "audience", "channel")}
    fields |= {"window_start": [row.window.start], "window_end": [row.window.end], "state": [row.state.value]}
    fields |= {"message": [row.message], "attempts": [row.attempts], "updated_at": [row.updated_at]}
    tx.merge_records(delivery, pd.DataFrame(fields))


def _rows(frame: pd.DataFrame) -> list[Delivery]:
    return [
        Delivery(
            delivery_id=row["delivery_id"],
            report_id=row["report_id"],
            name=row["name"],
            audience=row["audience"],
            channel=row["channel"],
            window=Window(row["window_start"].to_pydatetime(), row["window_end"].to_pydatetime()),
            state=State(row["state"]),
            message=row["message"] if isinstance(row["message"], str) else None,
            attempts=int(row["attempts"]),
            updated_at=row["updated_at"].to_pydatetime(),
        )
        for row in frame.to_dict("records")
    ]
