"""Delivery of stored documents: as letters, once, and only where mail is on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import pytest

from include.orchestration.deliver import deliver_due
from include.orchestration.reports import compute_slo, publish_slo
from include.warehouse.schema import delivery
from tests.orchestration.shop import CONFIG, NINE, Shop


class FakeMailer:
    """What stands in for Airflow's SMTP hook: a mailer that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []

    @contextmanager
    def __call__(self) -> Iterator[Callable[[EmailMessage], None]]:
        yield self.sent.append


@pytest.fixture
def reported(loaded: Shop) -> Shop:
    compute_slo(loaded.rt, NINE)
    publish_slo(loaded.rt, NINE)
    return loaded


def test_each_audience_gets_its_letter_once(reported: Shop):
    mailer = FakeMailer()
    assert deliver_due(reported.rt, mailer, at_once=True)["sent"] == 2
    assert deliver_due(reported.again().rt, mailer, at_once=True)["sent"] == 0
    assert sorted(str(message["To"]) for message in mailer.sent) == ["pay@shop.example", "sre@shop.example"]
    letter = mailer.sent[0].as_string()
    assert "checkout-availability" in letter
    assert "/almanac/reports/slo/" in letter
    assert set(reported.rows(delivery)["state"]) == {"sent"}


def test_without_mail_nothing_is_sent_and_the_answer_says_why(reported: Shop):
    silent = reported.configure("mail.yaml", CONFIG["mail.yaml"].replace("enabled: true", "enabled: false"))
    mailer = FakeMailer()
    assert deliver_due(silent.rt, mailer) == {"enabled": False, "why": "mail.enabled is false in mail.yaml"}
    assert mailer.sent == []
