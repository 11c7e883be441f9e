"""The way in, asked over a real socket: who is let in, what is kept, and what is turned away and how."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.inbox.entrance import BEARER, DOORS, NOON, SECRET, TOKEN, Entrance, running_entrance, signature

ALERT = {"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "Slow"}}]}


@pytest.fixture
def entrance(tmp_path: Path) -> Iterator[Entrance]:
    with running_entrance(tmp_path) as served:
        yield served


def settle(entrance: Entrance, number: int) -> None:
    """Wait until so many deliveries have started something: that happens after the answer."""
    deadline = time.monotonic() + 5
    while len(entrance.started) < number:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_delivery_with_its_token_is_kept_before_it_is_answered_and_starts_a_triage(entrance: Entrance) -> None:
    answer = entrance.post("alerts", ALERT, **BEARER)
    assert answer.status_code == 202
    assert answer.json()["duplicate"] is False
    (kept,) = entrance.kept()
    assert (kept.source, kept.received, kept.document) == ("alerts", NOON, ALERT)
    assert answer.json()["id"] == kept.key
    settle(entrance, 1)
    assert entrance.started[0].source == "alerts"


def test_the_same_delivery_again_is_a_duplicate_and_is_not_stored_twice(entrance: Entrance) -> None:
    first = entrance.post("alerts", ALERT, **BEARER)
    entrance.now += timedelta(minutes=4)
    again = entrance.post("alerts", ALERT, **BEARER)
    assert (again.status_code, again.json()) == (202, {"id": first.json()["id"], "duplicate": True})
    assert len(entrance.kept()) == 1
    settle(entrance, 1)
    assert len(entrance.started) == 1


def test_a_body_without_an_id_counts_as_new_after_five_minutes(entrance: Entrance) -> None:
    entrance.post("alerts", ALERT, **BEARER)
    entrance.now += timedelta(minutes=6)
    assert entrance.post("alerts", ALERT, **BEARER).json()["duplicate"] is False
    assert len(entrance.kept()) == 2


def test_an_id_is_known_again_for_an_hour_whatever_the_body_is(entrance: Entrance) -> None:
    entrance.post("generic", {"meta": {"id": 7}, "n": 1}, **BEARER)
    entrance.now += timedelta(minutes=59)
    assert entrance.post("generic", {"meta": {"id": 7}, "n": 2}, **BEARER).json()["duplicate"] is True
    assert entrance.post("generic", {"n": 2}, **BEARER, X_Almanac_Delivery="a").json()["duplicate"] is False
    assert entrance.post("generic", {"n": 3}, **BEARER, X_Almanac_Delivery="a").json()["duplicate"] is True


def test_ids_that_look_alike_once_redacted_are_two_deliveries(entrance: Entrance) -> None:
    for who in ("jane", "john"):
        answer = entrance.post("generic", {"n": 1}, **BEARER, X_Almanac_Delivery=f"{who}@example.org/1")
        assert answer.json()["duplicate"] is False
    assert [one.delivery_id for one in entrance.kept("generic")] == ["<email>/1", "<email>/1"]


def test_equal_deliveries_at_once_are_stored_once(entrance: Entrance) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: entrance.post("generic", ALERT, **BEARER), range(40)))
    assert [answer.status_code for answer in answers] == [202] * 40
    assert sum(not answer.json()["duplicate"] for answer in answers) == 1
    assert len(entrance.kept("generic")) == 1


def test_personal_data_and_secrets_never_reach_the_store(entrance: Entrance) -> None:
    said = {
        "alerts": [
            {
                "annotations": {"summary": "paid by jane@example.org with 4111 1111 1111 1111, call +49 30 1234567"},
                "labels": {"instance": "10.0.0.1:9100", "owner": "jane@example.org"},
                "details": {"password": "hunter2", "note": "Authorization: Bearer abcdefghijklmnopqrstuvwxyz"},
            }
        ]
    }
    assert entrance.post("alerts", said, **BEARER).status_code == 202
    (text,) = [path.read_text() for path in entrance.files()]
    for secret in ("jane@example.org", "4111 1111", "1234567", "hunter2", "abcdefghijklmnop", TOKEN):
        assert secret not in text
    assert "10.0.0.1:9100" in text, "which machine it was stays"


def test_who_shows_nothing_right_is_told_the_same_whatever_the_source(entrance: Entrance) -> None:
    shown: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"X_Almanac_Signature": "sha256=" + "0" * 64},
        {"X_PagerDuty_Signature": "v1=" + "0" * 64},
        {"X_PagerDuty_Signature": "v1=,,v1"},
        {"X_Grafana_Alerting_Signature": "\xe4"},
    ]
    for source in ("alerts", "pager", "grafana", "timed", "unset", "nobody", "a/b", "%2e%2e%2fetc"):
        for headers in shown:
            answer = entrance.post(source, ALERT, **headers)
            assert answer.status_code == 401, (source, headers)
            assert answer.json() == {"detail": "No such delivery is expected from this sender."}
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert entrance.files() == []


def test_an_unset_secret_opens_nothing(entrance: Entrance) -> None:
    body = json.dumps(ALERT).encode()
    time_ = str(int(NOON.timestamp()))
    made = "sha256=" + signature(time_.encode() + b"." + body, "")
    for headers in ({"Authorization": "Bearer"}, {"X_Almanac_Signature": made, "X_Almanac_Timestamp": time_}):
        assert entrance.post("unset", body, **headers).status_code == 401


def test_basic_authentication_is_let_in_where_the_connection_has_a_login(entrance: Entrance) -> None:
    right = {"Authorization": "Basic YWxtYW5hYzpzM2NyZXQtb2YtdGhlLXNob3A="}
    assert entrance.post("basic", ALERT, **right).status_code == 202
    assert entrance.post("pager", ALERT, **right).status_code == 401


def test_pagerduty_signs_the_body_and_may_send_several_signatures(entrance: Entrance) -> None:
    body = b'{"event":{"id":"01ABC","event_type":"pagey.ping","data":{"type":"ping"}}}'
    good = f"v1={signature(body, 'an older secret')}, v1={signature(body)}"
    assert entrance.post("pager", body, X_PagerDuty_Signature=good).status_code == 202
    assert entrance.post("pager", body + b" ", X_PagerDuty_Signature=good).status_code == 401
    assert entrance.post("pager", body, X_PagerDuty_Signature=signature(body)).status_code == 401
    (kept,) = entrance.kept("pager")
    assert kept.delivery_id == "01ABC"


def test_grafana_signs_the_body_or_the_time_and_the_body(entrance: Entrance) -> None:
    body, now = json.dumps(ALERT).encode(), str(int(NOON.timestamp()))
    timed = signature(now.encode() + b":" + body)
    assert entrance.post("grafana", body, X_Grafana_Alerting_Signature=signature(body)).status_code == 202
    headers = {"X_Grafana_Alerting_Signature": timed, "X_Grafana_Alerting_Timestamp": now}
    assert entrance.post("timed", body, **headers).status_code == 202
    assert entrance.post("timed", body, X_Grafana_Alerting_Signature=signature(body)).status_code == 401
    entrance.now += timedelta(minutes=5, seconds=1)
    assert entrance.post("timed", body, **headers).status_code == 401


def test_a_generic_signature_covers_its_time_and_is_not_taken_later(entrance: Entrance) -> None:
    body, now = b'{"a":1}', str(int(NOON.timestamp()))
    headers = {"X_Almanac_Signature": "sha256=" + signature(now.encode() + b"." + body), "X_Almanac_Timestamp": now}
    assert entrance.post("generic", body, **headers).status_code == 202
    assert entrance.post("generic", body, **{**headers, "X_Almanac_Timestamp": str(int(now) + 1)}).status_code == 401
    assert entrance.post("generic", body, **{**headers, "X_Almanac_Timestamp": "soon"}).status_code == 401
    assert entrance.post("generic", body, X_Almanac_Signature=headers["X_Almanac_Signature"]).status_code == 401
    for minutes in (-6, 6):
        entrance.now = NOON + timedelta(minutes=minutes)
        assert entrance.post("generic", body, **headers).status_code == 401


def test_a_body_over_the_limit_is_refused_and_of_50_megabytes_next_to_nothing_is_read(entrance: Entrance) -> None:
    assert entrance.post("alerts", b'"' + b"x" * (1 << 20) + b'"', **BEARER).status_code == 413
    assert entrance.post("alerts", b'"' + b"x" * ((1 << 20) - 2) + b'"', **BEARER).status_code == 202
    parts = urlsplit(entrance.url)
    head = (
        f"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = 0
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
        wire.sendall(head.encode())
        try:
            for _ in range(50 << 4):
                wire.sendall(chunk)
                sent += 65_536
        except OSError:  # the server has closed the connection
            pass
        assert sent < 20 << 20, "buffers of the sockets included"
    assert len(entrance.kept()) == 1


def test_a_size_that_is_only_promised_is_refused_at_once(entrance: Entrance) -> None:
    parts = urlsplit(entrance.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as wire:
        wire.sendall(
            f"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Length: 52428800\r\n\r\n".encode()
        )
        assert wire.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("source", ["generic", "nobody"])
def test_who_is_not_known_is_refused_by_size_alike_whatever_the_source(entrance: Entrance, source: str) -> None:
    large = b'"' + b"x" * (1 << 20) + b'"'
    assert entrance.post(source, large, X_Almanac_Signature="sha256=0").status_code == 413
    assert entrance.post(source, large).status_code == 401


def test_a_body_that_comes_too_slowly_is_given_up(tmp_path: Path) -> None:
    with running_entrance(tmp_path, body_seconds=0.3) as entrance:
        parts = urlsplit(entrance.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as wire:
            wire.sendall(
                f"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {TOKEN}"
                '\r\nContent-Length: 100\r\n\r\n{"a"'.encode()
            )
            assert wire.recv(100).startswith(b"HTTP/1.1 503")
        assert entrance.post("alerts", ALERT, **BEARER).status_code == 202, "others are served"


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing_behind(entrance: Entrance) -> None:
    parts = urlsplit(entrance.url)
    for _ in range(5):
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as wire:
            wire.sendall(
                f"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {TOKEN}"
                '\r\nContent-Length: 100\r\n\r\n{"a"'.encode()
            )
    assert entrance.post("alerts", ALERT, **BEARER).status_code == 202
    assert len(entrance.kept()) == 1


def test_bodies_that_are_not_done_may_hold_so_much_memory_and_no_more(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.inbox.app.MOST_BYTES_AT_ONCE", 1_000)
    parts = urlsplit(entrance.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as wire:
        wire.sendall(
            b"POST /nobody HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Almanac-Signature: a\r\n"
            b"Content-Length: 2000\r\n\r\n" + b"x" * 990
        )
        time.sleep(0.2)
        answer = entrance.post("alerts", ALERT, **BEARER)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    time.sleep(0.2)
    assert entrance.post("alerts", ALERT, **BEARER).status_code == 202


def test_what_is_no_json_or_a_bomb_is_a_bad_request(entrance: Entrance) -> None:
    bombs = [b"[" * 100_000, b'{"a":' * 5_000, b"[" * 66 + b"]" * 66, b"[" * 900 + b"]" * 900, b"1" * 5_000]
    no_json = [b"", b"{", b"hello", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b'{"a":1} x']
    for body in (*no_json, *bombs):
        answer = entrance.post("alerts", body, **BEARER)
        assert answer.status_code == 400, body[:20]
        assert answer.json()["detail"].startswith("The body is")
    assert entrance.files() == []
    assert entrance.post("alerts", b"[" * 60 + b"]" * 60, **BEARER).status_code == 202


def test_another_type_or_encoding_of_content_is_refused(entrance: Entrance) -> None:
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ):
        assert entrance.post("alerts", ALERT, **BEARER, **headers).status_code == 415
    for kind in ("application/json; charset=utf-8", "application/cloudevents+json"):
        assert entrance.post("alerts", {"n": kind}, **BEARER, **{"Content-Type": kind}).status_code == 202


def test_only_post_is_answered(entrance: Entrance) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        for source in ("alerts", "nobody"):
            assert entrance._client.request(method, f"/{source}", headers=BEARER).status_code == 405


def test_a_burst_beyond_the_pace_is_slowed_down_and_told_when_to_come_again(entrance: Entrance) -> None:
    answers = [entrance.post("slow", {"n": n}, **BEARER) for n in range(8)]
    assert [answer.status_code for answer in answers] == [202] * 6 + [429] * 2
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10
    assert len(entrance.kept("slow")) == 6
    assert entrance.post("alerts", ALERT, **BEARER).status_code == 202, "another source has its own pace"


def test_strangers_do_not_use_up_a_source_s_pace(entrance: Entrance) -> None:
    for n in range(20):
        assert entrance.post("slow", {"n": n}, Authorization="Bearer wrong").status_code == 401
    assert entrance.post("slow", {"n": 1}, **BEARER).status_code == 202


def test_a_hundred_different_deliveries_at_once_are_all_kept(entrance: Entrance) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: entrance.post("generic", {"n": n}, **BEARER), range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(one.document["n"] for one in entrance.kept("generic")) == list(range(100))


def test_a_store_that_fails_lets_the_sender_try_again_and_shows_no_inside(entrance: Entrance) -> None:
    (entrance.folder / "inbox").write_text("in the way")
    answer = entrance.post("alerts", ALERT, **BEARER)
    assert answer.status_code == 503
    assert answer.json() == {"detail": "The delivery was not kept. Try again."}
    assert answer.headers["Retry-After"] == "30"
    assert entrance.started == []
    (entrance.folder / "inbox").unlink()
    assert entrance.post("alerts", ALERT, **BEARER).status_code == 202


def test_a_configuration_that_cannot_be_read_lets_the_sender_try_again(entrance: Entrance) -> None:
    entrance.doors_broken = True
    assert entrance.post("alerts", ALERT, **BEARER).status_code == 503


def test_a_triage_that_cannot_be_started_changes_no_answer(entrance: Entrance) -> None:
    entrance.trigger_broken = True
    assert entrance.post("alerts", ALERT, **BEARER).status_code == 202
    assert len(entrance.kept()) == 1


def test_an_unforeseen_fault_shows_no_trace_outside(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance.inbox, "put", lambda _: 1 / 0)
    answer = entrance.post("alerts", ALERT, **BEARER)
    assert answer.status_code == 500
    assert answer.json() == {"detail": "The delivery was not kept. Try again."}


def test_a_door_prints_none_of_its_secrets() -> None:
    assert SECRET not in repr(DOORS)
    assert TOKEN not in repr(DOORS)
