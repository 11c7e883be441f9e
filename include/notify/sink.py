"""A mail server for one machine that sends nothing on: it keeps each message as .eml, and as HTML that a browser shows.

python -m include.notify.sink --port 2525 --folder .almanac/mail
"""

import base64
import email
import re
import signal
import threading
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, Message
from html import escape
from pathlib import Path
from typing import Annotated

import typer
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from include.clock import Clock, SystemClock

_INDEX_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "li{margin:.5rem 0}small{opacity:.8;display:block}"
)


@dataclass(frozen=True)
class Folder:
    """Where messages are kept."""

    path: Path
    clock: Clock

    def keep(self, content: bytes, recipients: list[str]) -> Path:
        """Write one message as .eml, .html and its attachments, list it, and return the path of its HTML."""
        self.path.mkdir(parents=True, exist_ok=True)
        message = email.message_from_bytes(content, policy=policy.default)
        number = 1 + max((int(path.name[:4]) for path in self.path.glob("[0-9][0-9][0-9][0-9]-*.eml")), default=0)
        stem = f"{number:04d}-{_slug(str(message['subject'] or 'no subject'))}"
        (self.path / f"{stem}.eml").write_bytes(content)
        page = self.path / f"{stem}.html"
        page.write_text(readable(message), encoding="utf-8")
        for part in message.iter_attachments():
            name = f"{stem}-{_slug(Path(part.get_filename() or 'attachment').stem)}"
            suffix = re.sub(r"[^a-z0-9.]", "", Path(part.get_filename() or "").suffix.lower())
            (self.path / f"{name}{suffix}").write_bytes(_content(part))
        self._list(page.name, message, recipients)
        return page

    def _list(self, name: str, message: EmailMessage, recipients: list[str]) -> None:
        index = self.path / "index.html"
        line = (
            f'<li><a href="{escape(name)}">{escape(str(message["subject"]))}</a>'
            f"<small>{self.clock.now():%Y-%m-%d %H:%M:%S} UTC, to {escape(', '.join(recipients))}, "
            f'<a href="{escape(name.removesuffix(".html"))}.eml">as sent</a></small></li>'
        )
        head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Mail</title><style>{_INDEX_STYLE}</style>'
        before = re.findall(r"<li>.*?</li>", index.read_text(encoding="utf-8")) if index.exists() else []
        index.write_text(
            f"{head}<h1>Caught mail</h1><ol reversed>{''.join([line, *before])}</ol></html>", encoding="utf-8"
        )


class Sink:
    """The handler that aiosmtpd calls for each message."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._one_at_a_time = threading.Lock()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Keep a message and accept it."""
        with self._one_at_a_time:
            self._folder.keep(envelope.original_content or b"", list(envelope.rcpt_tos))
        return "250 Kept"


def readable(message: EmailMessage) -> str:
    """Return the HTML of a message with its pictures inside, or its plain text as HTML."""
    body = message.get_body(("html", "plain"))
    if body is None:
        return "<!doctype html><title>Empty</title><p>The message has no text."
    text = body.get_content()
    if body.get_content_type() != "text/html":
        return f'<!doctype html><meta charset="utf-8"><pre style="white-space:pre-wrap">{escape(text)}</pre>'
    for part in message.walk():
        if content_id := part["content-id"]:
            data = base64.b64encode(_content(part)).decode()
            text = text.replace(f"cid:{str(content_id).strip('<>')}", f"data:{part.get_content_type()};base64,{data}")
    return text


def controller(folder: Path, port: int, clock: Clock, host: str = "127.0.0.1") -> Controller:
    """Return the server, not yet started; `start()` and `stop()` are its own."""
    return Controller(Sink(Folder(folder, clock)), hostname=host, port=port, data_size_limit=20_000_000)


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "mail"


def main(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 2525,
    folder: Annotated[Path, typer.Option(help="Where messages are kept.")] = Path(".almanac/mail"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything but loopback lets others in.")
    ] = "127.0.0.1",
) -> None:
    """Catch mail: keep each message as .eml and .html in a folder, send nothing on."""
    server = controller(folder, port, SystemClock(), host)
    try:
        server.start()
    except OSError as error:
        typer.echo(f"The mail sink cannot listen on {host}:{port} ({error.strerror}). Choose another --port.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Mail for {host}:{port} is kept in {folder}; open {folder / 'index.html'}.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    server.stop()


if __name__ == "__main__":
    typer.run(main)
