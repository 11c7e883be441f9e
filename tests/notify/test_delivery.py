"""Deliveries, on both engines: due in each audience's own morning, once, and honest when nobody knows."""

import smtplib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa

from include.clock import FixedClock
from include.config.mail import Audience, Mail
from include.errors import AlmanacError
from include.notify import Letter
from include.notify.delivery import LOST_AFTER, Delivery, Outcome, State, announce, deliver, delivery_id, due
from include.warehouse import Warehouse
from include.warehouse.schema import delivery
from include.window import Window

MAIL = Mail(
    enabled=True,
    sender="almanac@example.org",
    send_hour=7,
    audiences={
        "everyone": Audience(addresses=("sre@example.org",), time_zone="Europe/Berlin"),
        "payments": Audience(
            addresses=("pay@example.org", "lead@example.org"), time_zone="America/New_York", send_hour=8
        ),
    },
)
MORNING = datetime(2026, 11, 20, 6, 5, tzinfo=UTC)  # 07:05 in Berlin, 01:05 in New York
DAY = Window(datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))


@pytest.fixture
def warehouse(warehouse_url: str) -> Warehouse:
    opened = Warehouse(warehouse_url)
    opened.migrate()
    return opened


def say(warehouse: Warehouse, audience: str = "everyone", window: Window = DAY, at: datetime = MORNING) -> bool:
    with warehouse.transaction() as tx:
        return announce(tx, "0123456789abcdef", "capacity", audience, window, at - timedelta(minutes=30))


def letter(row: Delivery) -> Letter:
    return Letter(subject=f"{row.name} {row.window.end:%d %b}", text="text", html="<p>html</p>")


def run(
    warehouse: Warehouse,
    send: Callable[[EmailMessage], None],
    at: datetime = MORNING,
    mail: Mail = MAIL,
    at_once: bool = False,
) -> Outcome:
    return deliver(warehouse, mail, FixedClock(at), letter, send, at_once)


def states(warehouse: Warehouse) -> dict[str, str]:
    frame = warehouse.frame(sa.select(delivery).order_by(delivery.c.window_end, delivery.c.audience))
    return {f"{a} {e:%d}": s for a, e, s in zip(frame["audience"], frame["window_end"], frame["state"], strict=True)}


def test_a_report_is_sent_once_however_often_deliveries_run(warehouse: Warehouse) -> None:
    sent: list[EmailMessage] = []
    assert say(warehouse)
    assert len(run(warehouse, sent.append).sent) == 1
    assert run(warehouse, sent.append) == Outcome()
    assert [message["To"] for message in sent] == ["sre@example.org"]
    assert states(warehouse) == {"everyone 20": "sent"}


def test_a_window_that_is_built_again_is_not_told_again(warehouse: Warehouse) -> None:
    sent: list[EmailMessage] = []
    say(warehouse)
    run(warehouse, sent.append)
    assert not say(warehouse)
    run(warehouse, sent.append, at=MORNING + timedelta(hours=2))
    assert len(sent) == 1


def test_each_audience_is_told_at_its_own_hour_of_its_own_day(warehouse: Warehouse) -> None:
    sent: list[EmailMessage] = []
    say(warehouse)
    say(warehouse, "payments")
    run(warehouse, sent.append, at=datetime(2026, 11, 20, 5, 59, tzinfo=UTC))
    assert sent == []
    run(warehouse, sent.append, at=datetime(2026, 11, 20, 6, 0, tzinfo=UTC))
    assert [message["To"] for message in sent] == ["sre@example.org"]
    run(warehouse, sent.append, at=datetime(2026, 11, 20, 12, 59, tzinfo=UTC))
    assert len(sent) == 1
    run(warehouse, sent.append, at=datetime(2026, 11, 20, 13, 0, tzinfo=UTC))
    assert sent[1]["To"] == "pay@example.org, lead@example.org"


def test_of_hourly_reports_only_the_newest_is_mailed_and_only_once_a_day(warehouse: Warehouse) -> None:
    sent: list[EmailMessage] = []
    hours = [Window(DAY.end + timedelta(hours=hour), DAY.end + timedelta(hours=hour + 1)) for hour in range(8)]
    for hour in hours[:6]:
        say(warehouse, window=hour)
    outcome = run(warehouse, sent.append)
    assert (len(outcome.sent), len(outcome.superseded)) == (1, 5)
    assert sent[0]["Message-ID"] == f"<{delivery_id('capacity', 'everyone', hours[5])}@example.org>"
    for hour in hours[6:]:
        say(warehouse, window=hour)
    assert run(warehouse, sent.append, at=MORNING + timedelta(hours=3)).sent == []
    assert len(run(warehouse, sent.append, at=MORNING + timedelta(days=1)).sent) == 1


def test_a_back_filled_window_older_than_the_last_mail_is_not_mailed(warehouse: Warehouse) -> None:
    sent: list[EmailMessage] = []
    say(warehouse)
    run(warehouse, sent.append)
    say(warehouse, window=DAY.shifted(-timedelta(days=3)))
    assert len(run(warehouse, sent.append, at=MORNING + timedelta(days=1)).superseded) == 1
    assert len(sent) == 1


def test_a_server_that_says_no_is_tried_again_three_times_and_then_it_is_said(warehouse: Warehouse) -> None:
    def busy(_: EmailMessage) -> None:
        raise smtplib.SMTPDataError(451, b"try later")

    say(warehouse)
    assert len(run(warehouse, busy).refused) == 1
    assert len(run(warehouse, busy).refused) == 1
    assert len(run(warehouse, busy).failed) == 1
    assert run(warehouse, busy) == Outcome()
    row = warehouse.frame(sa.select(delivery)).iloc[0]
    assert (row["state"], row["attempts"]) == ("failed", 3)
    assert "451" in row["message"]


def test_a_process_that_dies_between_send_and_note_sends_no_second_mail_and_says_that_nobody_knows(
    warehouse: Warehouse,
) -> None:
    sent: list[EmailMessage] = []

    def send_and_die(message: EmailMessage) -> None:
        sent.append(message)
        raise KeyboardInterrupt

    say(warehouse)
    with pytest.raises(KeyboardInterrupt):
        run(warehouse, send_and_die)
    assert states(warehouse) == {"everyone 20": "sending"}
    assert run(warehouse, sent.append, at=MORNING + timedelta(minutes=5)) == Outcome()
    outcome = run(warehouse, sent.append, at=MORNING + LOST_AFTER + timedelta(minutes=1))
    assert len(sent) == 1
    assert len(outcome.failed) == 1
    message = warehouse.frame(sa.select(delivery)).iloc[0]["message"]
    assert "may or may not have been sent" in message
    assert delivery_id("capacity", "everyone", DAY) in message


def test_a_connection_that_breaks_in_the_middle_is_not_tried_again(warehouse: Warehouse) -> None:
    def cut(_: EmailMessage) -> None:
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")

    say(warehouse)
    assert len(run(warehouse, cut).failed) == 1
    assert run(warehouse, cut) == Outcome()


def test_two_runs_at_once_send_one_mail(warehouse: Warehouse) -> None:
    sent: list[EmailMessage] = []

    def send_while_another_runs(message: EmailMessage) -> None:
        assert run(warehouse, sent.append) == Outcome()
        sent.append(message)

    say(warehouse)
    run(warehouse, send_while_another_runs)
    assert len(sent) == 1


def test_a_letter_that_cannot_be_made_fails_alone(warehouse: Warehouse) -> None:
    sent: list[EmailMessage] = []

    def letter_of(row: Delivery) -> Letter:
        if row.audience == "everyone":
            raise AlmanacError("The document is gone. Build it again.")
        return letter(row)

    say(warehouse)
    say(warehouse, "payments")
    outcome = deliver(warehouse, MAIL, FixedClock(MORNING), letter_of, sent.append, at_once=True)
    assert (len(outcome.sent), len(outcome.failed)) == (1, 1)


def test_nothing_is_mailed_until_mail_is_enabled(warehouse: Warehouse) -> None:
    say(warehouse)
    assert run(warehouse, pytest.fail, mail=MAIL.model_copy(update={"enabled": False})) == Outcome()
    assert states(warehouse) == {"everyone 20": "pending"}


def test_an_audience_without_addresses_waits(warehouse: Warehouse) -> None:
    say(warehouse, "logistics")
    assert run(warehouse, pytest.fail) == Outcome()
    assert states(warehouse) == {"logistics 20": "pending"}


def test_at_once_does_not_wait_for_the_hour() -> None:
    row = Delivery("1", "2", "capacity", "everyone", "mail", DAY, State.PENDING, None, 0, MORNING)
    night = datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert due([row], MAIL, night) == ([], [])
    assert due([row], MAIL, night, at_once=True) == ([row], [])
