"""A letter as an `EmailMessage`: plain text and HTML alternatives, pictures by Content-ID, attachments."""

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from include.errors import PermanentError

MOST_HTML_BYTES = 100_000


class LetterTooLargeError(PermanentError):
    """A letter whose HTML mail programs would cut."""


@dataclass(frozen=True)
class Picture:
    """A PNG that the HTML shows as `cid:<content_id>`."""

    content_id: str
    png: bytes


@dataclass(frozen=True)
class Attachment:
    """A file that comes with the letter."""

    name: str
    subtype: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """What people read: subject, text, HTML; what it shows and what comes with it."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()
    attachments: tuple[Attachment, ...] = ()


def compose(letter: Letter, sender: str, recipients: tuple[str, ...], message_id: str, date: datetime) -> EmailMessage:
    """Return the message; `message_id` must be the same whenever the same delivery is tried again.

    `List-Unsubscribe` asks the sender by mail, which any mail program can do. Raises `LetterTooLargeError`.
    """
    size = len(letter.html.encode())
    if size >= MOST_HTML_BYTES:
        raise LetterTooLargeError(
            f"The HTML of {letter.subject!r} has {size:,} bytes and mail programs cut at {MOST_HTML_BYTES:,}. "
            "Show fewer rows in the mail; the attached table has them all."
        )
    domain = sender.rpartition("@")[2]
    message = EmailMessage()
    message["Subject"] = " ".join(letter.subject.split())
    message["From"] = f"Almanac <{sender}>"
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{message_id}@{domain}>"
    message["List-Unsubscribe"] = f"<mailto:{sender}?subject=unsubscribe>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    body = message.get_body(("html",))
    assert isinstance(body, EmailMessage)  # noqa: S101  it was added a line above
    for picture in letter.pictures:
        body.add_related(
            picture.png,
            "image",
            "png",
            cid=f"<{picture.content_id}>",
            filename=f"{picture.content_id}.png",
            disposition="inline",
        )
    for attachment in letter.attachments:
        maintype = "text" if attachment.subtype == "csv" else "application"
        if maintype == "text":
            message.add_attachment(attachment.content.decode(), subtype=attachment.subtype, filename=attachment.name)
        else:
            message.add_attachment(attachment.content, maintype, attachment.subtype, filename=attachment.name)
    return message
