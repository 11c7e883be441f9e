"""Findings to a topic: each version of each once, and the `delivery` ledger knows which.

A finding is announced in the ledger as pending, written with the broker's acknowledgement by all replicas, and noted as
sent. What the broker did not take stays pending, and so does what was written by a process that died before its note:
that is written again, with the same id and version, by which a reader knows it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from include.clock import Clock
from include.errors import AlmanacError, PermanentError
from include.notify.delivery import State
from include.warehouse import Warehouse
from include.warehouse.schema import delivery
from include.warehouse.write import Transaction
from include.window import Window, stable_hash

KAFKA = "kafka"
_LEAST = timedelta(microseconds=1)


class NotPublished(AlmanacError):  # noqa: N818 - reads as a sentence
    """Findings that the brokers did not take; a later run tries again."""


class CannotPublish(PermanentError):  # noqa: N818
    """Settings with which no producer can be made."""


@dataclass(frozen=True)
class Finding:
    """Something worth telling: its kind, its own id, its window, and what is to be said, as JSON can."""

    kind: str
    identity: str
    window: Window
    content: Mapping[str, Any]

    @property
    def version(self) -> str:
        """Return 16 hexadecimal digits that change whenever the content does."""
        text = json.dumps(self.content, sort_keys=True, ensure_ascii=False)
        return f"{stable_hash('version', text) & (2**64 - 1):016x}"

    @property
    def body(self) -> bytes:
        """Return the message: JSON with kind, id, version and the content."""
        said = {"kind": self.kind, "id": self.identity, "version": self.version, **self.content}
        return json.dumps(said, ensure_ascii=False).encode()

    def delivery_id(self, topic: str) -> str:
        """Return the key in the ledger: the same for the same version of a finding on a topic."""
        parts = (self.kind, self.identity, self.version, topic, KAFKA)
        return f"{stable_hash('delivery', *parts) & (2**64 - 1):016x}"


@dataclass(frozen=True)
class Published:
    """How many versions were written now, how many before, and how many never, because a newer one overtook them."""

    sent: int
    known: int
    superseded: int


def publish(
    warehouse: Warehouse,
    findings: Sequence[Finding],
    topic: str,
    settings: Mapping[str, Any],
    clock: Clock,
    timeout: float = 60.0,
) -> Published:
    """Write each version of each finding that is not on the topic yet, keyed by the finding's id, and note it.

    `settings` are librdkafka's. A finding that has changed is a new version; a pending version of which there is a
    newer one is never written. Raises `NotPublished` when the brokers did not take everything, and what they took is
    noted all the same. Raises `CannotPublish` for settings that cannot be used.
    """
    wanted = {finding.delivery_id(topic): finding for finding in findings}
    pending, superseded = _announce(warehouse, wanted, topic, clock)
    failed = _write(topic, {key: wanted[key] for key in pending["delivery_id"]}, settings, timeout)
    if len(pending):
        states = [(State.PENDING if key in failed else State.SENT).value for key in pending["delivery_id"]]
        messages = [failed.get(key, wanted[key].version) for key in pending["delivery_id"]]
        with warehouse.transaction() as tx:
            _note(tx, pending.assign(state=states, message=messages, attempts=pending["attempts"] + 1), clock.now())
    if failed:
        why = "; ".join(sorted(set(failed.values())))
        raise NotPublished(
            f"{len(failed):,} of {len(pending):,} findings were not taken by topic {topic!r} ({why}). They stay "
            "pending and the next run writes them. Check the brokers, and the login's right to write to the topic."
        )
    return Published(len(pending), len(wanted) - len(pending), superseded)


def _announce(
    warehouse: Warehouse, wanted: Mapping[str, Finding], topic: str, clock: Clock
) -> tuple[pd.DataFrame, int]:
    """Put new versions into the ledger; return the rows that are pending now, and how many were overtaken."""
    mine = (delivery.c.channel == KAFKA, delivery.c.audience == topic)
    is_pending = delivery.c.state == State.PENDING.value
    with warehouse.transaction() as tx:
        tx.take_turns("delivery")
        known = tx.frame(sa.select(delivery).where(*mine, sa.or_(is_pending, delivery.c.delivery_id.in_(list(wanted)))))
        there = set(known["delivery_id"])
        new = [_row(key, finding, topic, clock.now()) for key, finding in wanted.items() if key not in there]
        if new:
            tx.merge_records(delivery, pd.DataFrame(new))
        old = known[known["state"] == State.PENDING.value]
        overtaken = old[~old["delivery_id"].isin(list(wanted))]
        if len(overtaken):
            said = overtaken.assign(state=State.SUPERSEDED.value, message="a newer version was written or is due")
            _note(tx, said, clock.now())
        again = old[old["delivery_id"].isin(list(wanted))]
    frames = [frame for frame in (again, pd.DataFrame(new)) if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else known.iloc[:0], len(overtaken)


def _write(topic: str, findings: Mapping[str, Finding], settings: Mapping[str, Any], timeout: float) -> dict[str, str]:
    """Write findings; return what went wrong with those that the brokers did not take, by their key."""
    if not findings:
        return {}
    open_keys = dict.fromkeys(findings, f"no answer in {timeout:g} seconds")
    own = {"enable.idempotence": True, "acks": "all", "delivery.timeout.ms": int(timeout * 1000), "linger.ms": 20}
    try:
        producer = Producer({**own, **settings})
    except (KafkaException, ValueError, TypeError) as error:
        raise CannotPublish(
            f"publish.yaml: its settings cannot be used ({error}). Correct it or its connection."
        ) from error

    for key, finding in findings.items():

        def answered(error: KafkaError | None, _message: Message, key: str = key) -> None:
            if error is None:
                del open_keys[key]
            else:
                open_keys[key] = error.str()

        headers: dict[str, str | bytes | None] = {"kind": finding.kind, "version": finding.version}
        while True:
            try:
                producer.produce(topic, finding.body, finding.identity, on_delivery=answered, headers=headers)
                break
            except BufferError:
                producer.poll(1)
            except KafkaException as error:
                open_keys[key] = error.args[0].str()
                break
        producer.poll(0)
    producer.flush(timeout + 5)
    return open_keys


def _row(key: str, finding: Finding, topic: str, now: datetime) -> dict[str, Any]:
    return {
        "delivery_id": key,
        "report_id": finding.identity,
        "name": finding.kind,
        "audience": topic,
        "channel": KAFKA,
        "window_start": finding.window.start,
        "window_end": finding.window.end,
        "state": State.PENDING.value,
        "message": None,
        "attempts": 0,
        "updated_at": now,
    }


def _note(tx: Transaction, rows: pd.DataFrame, now: datetime) -> None:
    """Write the next state of deliveries, never older than the one before."""
    later = pd.to_datetime(rows["updated_at"], utc=True) + _LEAST
    tx.merge_records(delivery, rows.assign(updated_at=later.where(later > now, now)))
