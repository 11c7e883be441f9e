"""Airflow connections, turned into values: credentials of a source, and a way to send mail.

Credentials are read where they are used and never pass through XCom or a mapped argument.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from include.sources import Credentials

SMTP_CONNECTION = "almanac_smtp"


def credentials(connection_id: str) -> Credentials:
    """Return the credentials that an Airflow connection holds: login and password, or a bearer token in its extra."""
    from airflow.sdk import Connection

    connection = Connection.get(connection_id)
    extra = json.loads(connection.extra) if connection.extra else {}
    return Credentials.of(connection.login, connection.password, extra)


@contextmanager
def mailer() -> Iterator[Callable[[EmailMessage], None]]:
    """Yield a function that sends an `EmailMessage` over Airflow's SMTP connection `almanac_smtp`.

    Airflow's hook only knows HTML text; its connection is the one way to send a message of our own.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=SMTP_CONNECTION) as hook:

        def send(message: EmailMessage) -> None:
            hook._smtp_client.send_message(message)  # noqa: SLF001

        yield send
