import base64
import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.clock import FixedClock
from include.http import AnswerInvalid, AnswerTooLarge, Credentials, HttpClient, Rejected, Unavailable
from include.http.answer import read_json
from tests.fake_http import certificate, drips, fake_server, says, without_length
from tests.servers import free_port

NOON = FixedClock(datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
GOOD = says(200, b'{"ok": true}')


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def client(url: str, slept: list[float], credentials: Credentials | None = None, **options: Any) -> HttpClient:
    return HttpClient(url, credentials, sleep=slept.append, clock=NOON, **options)


def test_source_down(slept: list[float]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=r"cannot be reached .*Check that it runs"):
        client(url, slept).get_json("/api")
    assert len(slept) == 3


def test_slow(slept: list[float], stop: threading.Event) -> None:
    with fake_server(lambda _: stop.wait(5) and None) as server:
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s"):
            client(server.url, slept, timeout_seconds=0.2, attempts=2).get_json("/api")
        assert time.monotonic() - started < 2
        stop.set()


def test_slow_drop_by_drop_is_slow_too(slept: list[float], stop: threading.Event) -> None:
    with fake_server(drips(b" ", 0.05, stop)) as server:
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
            client(server.url, slept, timeout_seconds=0.3, attempts=1).get_json("/api")
        assert time.monotonic() - started < 2
        stop.set()


@pytest.mark.parametrize(
    "half",
    [says(200, b'{"a": [1, 2', length=4096), without_length(b'{"a": [1, 2'), without_length(b'{"a": [1, 2]')],
    ids=["shorter than Content-Length", "cut in a list", "cut after a list"],
)
def test_half_an_answer_is_asked_for_again(slept: list[float], half: Any) -> None:
    with fake_server(half, GOOD) as server:
        assert client(server.url, slept).get_json("/api") == {"ok": True}
        assert len(server.asked) == 2
    with fake_server(half) as server, pytest.raises(Unavailable, match="half an answer"):
        client(server.url, slept).get_json("/api")


def test_html_instead_of_json_says_so_and_is_not_tried_again(slept: list[float]) -> None:
    page = b"<!doctype html>\n<html><head><title>Sign in</title></head><body>" + b"x" * 500
    with fake_server(says(200, page)) as server:
        with pytest.raises(AnswerInvalid, match=r"HTML instead of JSON: '<!doctype html> <html>.*Sign in") as caught:
            client(server.url, slept).get_json("/api")
        assert len(server.asked) == 1
    assert len(str(caught.value)) < 350


def test_429_waits_as_long_as_it_is_told(slept: list[float]) -> None:
    with fake_server(says(429, headers={"Retry-After": "7"}), GOOD) as server:
        assert client(server.url, slept).get_json("/api") == {"ok": True}
    assert slept == [7.0]


def test_429_with_a_date_and_beyond_the_cap(slept: list[float]) -> None:
    date = {"Retry-After": "Sat, 21 Nov 2026 12:00:20 GMT"}
    with fake_server(says(429, headers=date), says(503, headers={"Retry-After": "86400"}), GOOD) as server:
        assert client(server.url, slept, longest_wait_seconds=30).get_json("/api") == {"ok": True}
    assert slept == [20.0, 30.0]


@pytest.mark.parametrize("name", ["X-RateLimit-Reset", "ratelimit-reset", "X-RateLimit-Period-In-Sec"])
def test_429_waits_for_what_the_vendors_own_headers_say(slept: list[float], name: str) -> None:
    with fake_server(says(429, headers={name: "13"}), GOOD) as server:
        assert client(server.url, slept).get_json("/api") == {"ok": True}
    assert slept == [13.0]


def test_5xx_backs_off_with_jitter_and_gives_up(slept: list[float]) -> None:
    with fake_server(says(503, b"overloaded")) as server:
        with pytest.raises(Unavailable, match=r"answered 503 Service Unavailable: 'overloaded'\. Try again later"):
            client(server.url, slept, attempts=5).get_json("/api")
        assert len(server.asked) == 5
    assert all(0 <= wait <= 0.5 * 2**i for i, wait in enumerate(slept, 1))


def test_401_is_not_tried_again_and_names_what_to_check(slept: list[float]) -> None:
    with fake_server(says(401, b"no")) as server:
        with pytest.raises(Rejected, match=r"answered 401 Unauthorized.*Check the login, password or token"):
            client(server.url, slept, Credentials(login="me", password="hunter2")).get_json("/api")
        assert len(server.asked) == 1
    assert slept == []


def test_expired_certificate(slept: list[float], tmp_path: Path) -> None:
    path = certificate(tmp_path, datetime.now(UTC) - timedelta(days=1))
    with fake_server(GOOD, certificate=path) as server:
        who = Credentials(verify=str(path))
        with pytest.raises(Rejected, match="certificate that is not valid: certificate has expired"):
            client(server.url, slept, who).get_json("/api")
    assert slept == []


def test_a_certificate_of_an_unknown_authority_needs_its_ca_file(slept: list[float], tmp_path: Path) -> None:
    path = certificate(tmp_path, datetime.now(UTC) + timedelta(days=1))
    with fake_server(GOOD, certificate=path) as server:
        with pytest.raises(Rejected, match="self-signed certificate"):
            client(server.url, slept).get_json("/api")
        assert client(server.url, slept, Credentials(verify=str(path))).get_json("/api") == {"ok": True}
        assert client(server.url, slept, Credentials(verify=False)).get_json("/api") == {"ok": True}


def test_an_answer_beyond_the_size_limit_is_not_read_to_its_end(slept: list[float]) -> None:
    with fake_server(says(200, b"[" + b" " * 5_000_000 + b"]")) as server:
        with pytest.raises(AnswerTooLarge, match="more than the limit of 1 MiB"):
            client(server.url, slept, max_bytes=2**20).get_json("/api")
        assert len(server.asked) == 1


def test_basic_and_bearer_and_own_headers(slept: list[float]) -> None:
    with fake_server(GOOD) as server:
        client(server.url, slept, Credentials(login="me", password="pw")).get_json("/a", {"q": "x y"})
        client(server.url, slept, Credentials(token="t0k", extra={"X-Scope-OrgID": "shop"})).get_json("/b")
        first, second = server.asked
    assert first[1] == "/a?q=x+y" or first[1] == "/a?q=x%20y"
    assert first[2]["Authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()
    assert first[2]["User-Agent"] == "almanac/0.1"
    assert second[2]["Authorization"] == "Bearer t0k"
    assert second[2]["X-Scope-OrgID"] == "shop"


def test_credentials_do_not_follow_a_redirect(slept: list[float]) -> None:
    with fake_server(GOOD) as elsewhere, fake_server(says(302, headers={"Location": f"{elsewhere.url}/in"})) as server:
        with pytest.raises(Rejected, match=r"answered 302 and points to http://127\.0\.0\.1"):
            client(server.url, slept, Credentials(token="t0k")).get_json("/api")
        assert elsewhere.asked == []


def test_no_secret_in_repr_or_error(slept: list[float]) -> None:
    who = Credentials(login="me", password="hunter2", token="t0ken", extra={"X-Key": "k3y"})
    assert repr(who) == "Credentials(login='me', verify=True)"
    with fake_server(says(500)) as server, pytest.raises(Unavailable) as caught:
        client(server.url, slept, who, attempts=1).get_json("/api", {"token": "s3cret"})
    assert all(secret not in str(caught.value) for secret in ("hunter2", "t0ken", "k3y", "s3cret"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=3), st.data())
def test_every_cut_of_a_document_is_seen_as_half_an_answer(document: dict, data: st.DataObject) -> None:
    import json

    body = json.dumps(document).encode()
    cut = data.draw(st.integers(1, len(body) - 1))
    with pytest.raises(Unavailable, match="half an answer"):
        read_json(body[:cut], "http://x")
    assert read_json(body, "http://x") == document


@given(st.binary(max_size=40))
def test_no_answer_gives_another_error(body: bytes) -> None:
    with contextlib.suppress(AnswerInvalid, Unavailable):
        read_json(body, "http://x")
