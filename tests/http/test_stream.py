"""Answers read line by line over a real socket."""

import resource
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.http import AnswerTooLarge, HttpClient, Rejected, Unavailable
from include.http.stream import lines_of
from tests.fake_http import fake_server, says, without_length


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def client(url: str, slept: list[float], **options: Any) -> HttpClient:
    return HttpClient(url, sleep=slept.append, **options)


def chunked(*blocks: bytes, whole: bool = True) -> Any:
    """Return an answer in chunks; one that is not whole lacks the last, empty chunk."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for block in blocks:
            handler.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        if whole:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return answer


def test_lines_come_across_chunks(slept: list[float]) -> None:
    with fake_server(chunked(b'{"a"', b": 1}\n", b"\n\r\n", b"b\nc\r\nd")) as server:
        assert list(client(server.url, slept).lines("POST", "/export", form={"q": "x y"})) == [
            b'{"a": 1}', b"b", b"c", b"d"
        ]  # fmt: skip
        assert server.asked[0][:2] == ("POST", "/export")
        assert server.asked[0][3] == b"q=x+y"


def test_a_line_is_there_before_the_answer_ends(slept: list[float], stop: threading.Event) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        without_length(b"first\n")(handler)
        handler.wfile.flush()
        stop.wait(5)

    with fake_server(answer) as server:
        lines = client(server.url, slept).lines("GET", "/")
        assert next(lines) == b"first"
        stop.set()
        assert list(lines) == []


def test_before_the_first_byte_it_is_tried_again(slept: list[float]) -> None:
    with fake_server(says(503), says(429, headers={"Retry-After": "3"}), chunked(b"good\n")) as server:
        assert list(client(server.url, slept).lines("GET", "/")) == [b"good"]
        assert len(server.asked) == 3
    assert slept[1] == 3.0


def test_a_stream_that_is_cut_is_not_tried_again(slept: list[float]) -> None:
    for half in (chunked(b"one\n", b"tw", whole=False), says(200, b"one\ntw", length=4096)):
        with fake_server(half) as server:
            lines = client(server.url, slept).lines("GET", "/")
            assert next(lines) == b"one"
            with pytest.raises(Unavailable, match="half an answer"):
                list(lines)
            assert len(server.asked) == 1
    assert slept == []


def test_a_pause_that_is_too_long_is_an_error(slept: list[float], stop: threading.Event) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        without_length(b"first\n")(handler)
        handler.wfile.flush()
        stop.wait(5)

    with fake_server(answer) as server:
        lines = client(server.url, slept, timeout_seconds=0.2).lines("GET", "/")
        assert next(lines) == b"first"
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s"):
            next(lines)
        assert time.monotonic() - started < 2
        stop.set()


def test_a_refusal_is_told_as_ever(slept: list[float]) -> None:
    body = b'{"messages":[{"type":"FATAL","text":"Unknown search command"}]}' + b"x" * 100_000
    with fake_server(says(400, body)) as server:
        with pytest.raises(Rejected, match=r"answered 400 Bad Request: .*Unknown search command") as caught:
            list(client(server.url, slept).lines("GET", "/"))
        assert len(server.asked) == 1
    assert len(caught.value.body) == 65_536


def test_a_line_beyond_the_limit_is_an_error(slept: list[float]) -> None:
    with fake_server(chunked(b"short\n", b"x" * 600, b"x" * 600)) as server:
        lines = client(server.url, slept, max_bytes=1_000).lines("GET", "/")
        assert next(lines) == b"short"
        with pytest.raises(AnswerTooLarge, match="a line of more than the limit of 1,000 bytes"):
            next(lines)


def test_two_hundred_megabytes_leave_memory_flat(slept: list[float]) -> None:
    block = (b"x" * 999 + b"\n") * 1_000

    with fake_server(chunked(*[block] * 200)) as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        count = sum(1 for _ in client(server.url, slept).lines("GET", "/"))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert count == 200_000
    assert grown < 40 * 1024, f"{grown / 1024:.0f} MiB"


@given(st.lists(st.binary(max_size=20)))
def test_however_a_stream_is_cut_into_blocks_its_lines_are_the_same(blocks: list[bytes]) -> None:
    whole = [line.removesuffix(b"\r") for line in b"".join(blocks).split(b"\n")]
    assert list(lines_of(blocks, 10_000, "here")) == [line for line in whole if line.strip()]
