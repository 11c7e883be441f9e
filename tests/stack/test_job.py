"""What the main job says before it starts and at its end."""

import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.clock import SystemClock
from include.config import load_config
from include.settings import Settings
from include.stack.job import Job
from include.stack.processes import StackError
from include.stack.terminal import Terminal
from tests.servers import free_port

CONFIG = """
sources:
  there: {type: prometheus, url: "http://127.0.0.1:%d"}
  away: {type: prometheus, url: "http://127.0.0.1:%d"}
  off: {type: prometheus, url: "http://127.0.0.1:%d", enabled: false}
"""


def test_a_source_that_does_not_answer_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    nobody = free_port()
    with answering_with(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") as port:
        (tmp_path / "sources.yaml").write_text(CONFIG % (port, nobody, nobody))
        job = Job(Settings(home=tmp_path / "home"), load_config(tmp_path), SystemClock(), Terminal(sys.stdout))
        assert job.ask_sources() == ["away"]
    assert f"Source away does not answer at http://127.0.0.1:{nobody}." in capsys.readouterr().out


@contextmanager
def answering_with(said: bytes) -> Iterator[int]:
    """A server that says the same to everyone; yields its port."""

    class Says(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(said)

    with socketserver.TCPServer(("127.0.0.1", 0), Says) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_what_went_wrong_is_said_at_the_end_each_cause_once(tmp_path: Path):
    settings = Settings(home=tmp_path)
    job = Job(settings, load_config(settings.config_dir), SystemClock(), Terminal())
    job.must_be_whole()
    job.problems += [
        "ingest_metrics (one) failed in load[0]. It said: Source 'shop' cannot be reached.",
        "report_slo (two) failed.",
        "ingest_metrics (three) failed in load[0]. It said: Source 'shop' cannot be reached.",
    ]
    with pytest.raises(StackError) as error:
        job.must_be_whole()
    assert str(error.value).splitlines()[1:3] == [
        "  - ingest_metrics (one) failed in load[0]. It said: Source 'shop' cannot be reached.",
        "  - report_slo (two) failed.",
    ]
