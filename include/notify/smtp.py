"""A way to send without Airflow: a plain function over one SMTP connection of the standard library."""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage


@contextmanager
def smtp_sender(
    host: str, port: int, login: str = "", password: str = "", starttls: bool = False, timeout_seconds: float = 30.0
) -> Iterator[Callable[[EmailMessage], None]]:
    """Yield a function that sends messages over one connection; raises what `smtplib` raises."""
    with smtplib.SMTP(host, port, timeout=timeout_seconds) as connection:
        if starttls:
            connection.starttls(context=ssl.create_default_context())
        if login:
            connection.login(login, password)

        def send(message: EmailMessage) -> None:
            connection.send_message(message)

        yield send
