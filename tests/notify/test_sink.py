"""Mail through a real SMTP server: what we compose is what a mail program gets; the sink keeps it for people."""

import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from include.clock import FixedClock
from include.notify import Attachment, Letter, Picture, compose
from include.notify.mail import LetterTooLargeError
from include.notify.sink import controller
from include.notify.smtp import smtp_sender

AT = datetime(2026, 11, 20, 6, 5, tzinfo=UTC)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)  # fmt: skip
LETTER = Letter(
    subject="payments-db disk runs out 3 Dec · 19 Nov",
    text="Läuft voll.",
    html='<p>Läuft voll.</p><img src="cid:chart-1" alt="chart">',
    pictures=(Picture("chart-1", PNG),),
    attachments=(Attachment("capacity.csv", "csv", b"resource\r\ndisk\r\n"),),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    port, folder = free_port(), tmp_path / "mail"
    running = controller(folder, port, FixedClock(AT))
    running.start()
    yield port, folder
    running.stop()


def message():
    return compose(LETTER, "almanac@example.org", ("a@example.org", "b@example.org"), "0123456789abcdef", AT)


def test_a_mail_arrives_whole(server: tuple[int, Path]) -> None:
    port, folder = server
    with smtp_sender("127.0.0.1", port) as send:
        send(message())
    kept = message_from_bytes(next(folder.glob("*.eml")).read_bytes(), policy=policy.default)
    assert kept["Subject"] == LETTER.subject
    assert kept["To"] == "a@example.org, b@example.org"
    assert kept["Message-ID"] == "<0123456789abcdef@example.org>"
    assert kept["List-Unsubscribe"] == "<mailto:almanac@example.org?subject=unsubscribe>"
    kinds = [part.get_content_type() for part in kept.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html",
        "image/png", "text/csv",
    ]  # fmt: skip
    assert kept.get_body(("plain",)).get_content().strip() == "Läuft voll."
    picture = next(part for part in kept.walk() if part.get_content_type() == "image/png")
    assert picture["Content-ID"] == "<chart-1>"
    assert picture.get_content() == PNG
    assert next(kept.iter_attachments()).get_content().splitlines() == ["resource", "disk"]


def test_the_sink_writes_a_page_that_a_browser_can_open_and_lists_it(server: tuple[int, Path]) -> None:
    port, folder = server
    with smtp_sender("127.0.0.1", port) as send:
        send(message())
        send(message())
    pages = sorted(path.name for path in folder.glob("0*.html"))
    assert pages == [f"000{n}-payments-db-disk-runs-out-3-dec-19-nov.html" for n in (1, 2)]
    assert "data:image/png;base64," in (folder / pages[0]).read_text()
    index = (folder / "index.html").read_text()
    assert index.count("<li>") == 2
    assert index.index(pages[1]) < index.index(pages[0])


def test_a_subject_cannot_smuggle_a_header() -> None:
    bad = Letter(subject="Hello\r\nBcc: evil@example.org", text="", html="")
    assert compose(bad, "a@b.c", ("d@e.f",), "1", AT)["Bcc"] is None


def test_a_letter_that_mail_programs_would_cut_is_refused() -> None:
    with pytest.raises(LetterTooLargeError, match="cut at 100,000"):
        compose(Letter("s", "t", "x" * 100_000), "a@b.c", ("d@e.f",), "1", AT)


def test_the_sink_runs_as_a_program_and_stops_when_told(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "include.notify.sink", "--port", str(port), "--folder", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert "index.html" in process.stdout.readline()
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as connection:
            connection.send_message(message())
        deadline = time.monotonic() + 5
        while not (tmp_path / "index.html").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (tmp_path / "index.html").exists()
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        assert again.returncode == 1
        assert "Choose another --port" in again.stderr
    finally:
        process.terminate()
    assert process.wait(timeout=10) == 0
