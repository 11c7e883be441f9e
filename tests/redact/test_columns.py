import json
import re
import time
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.config.redaction import Kind, Redaction
from include.datasets import ALERT, LABELS, METRIC_POINT
from include.redact import redact_batch, redact_column, redact_text
from include.redact.checks import iban, luhn
from include.redact.rules import ALL, Rule

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail jane.doe+x@example.co.uk now", "mail <email> now"),
        ("card 4111 1111 1111 1111.", "card <card>."),
        ("card 4111111111111111", "card <card>"),
        ("card 378282246310005", "card <card>"),
        ("from 10.20.30.40:9100", "from <ip>:9100"),
        ("from 2001:db8::1 port 80", "from <ip> port 80"),
        ("call +49 30 1234567", "call <phone>"),
        ("call (415) 555-2671 or 415-555-2671", "call <phone> or <phone>"),
        ("IBAN DE89 3704 0044 0532 0130 00 ok", "IBAN <iban> ok"),
        ("IBAN GB82WEST12345698765432", "IBAN <iban>"),
        ("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP", "t=<jwt>"),
        ("AKIAIOSFODNN7EXAMPLE used", "<aws_key> used"),
        ("key AIza" + "a" * 35, "key <gcp_key>"),
        ("xoxb-123456789012-abcdef", "<slack_token>"),
        ("https://hooks.slack.com/services/T000/B000/XXXXXXXX", "https://hooks.slack.com/services/<slack_hook>"),
        ("ghp_" + "a1" * 18, "<github_token>"),
        ("postgres://admin:s3cret@db:5432/x", "postgres://admin:<password>@db:5432/x"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer <token>"),
        ("password=hunter2, user=x", "password=<password>, user=x"),
        ('{"api_key": "abc123"}', '{"api_key": "<password>"}'),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic <token>"),
        ("glpat-" + "x1" * 10, "<api_key>"),
        ("sk_live_" + "x1" * 12, "<api_key>"),
        ("from ::1 and fe80::1ff:fe23:4567:890a", "from <ip> and <ip>"),
        ("peers 10.0.0.1 10.0.0.2,10.0.0.3", "peers <ip> <ip>,<ip>"),
        ("10.0.0.1 runs version 1.2.3.4", "<ip> runs version 1.2.3.4"),
        ("my card 4131034282458809939 is lost", "my card <card> is lost"),
        ("credit card 060426070011", "credit card <card>"),
        ('{"pan":"4131034282458809939"}', '{"pan":"<card>"}'),
        ("card number: 4111 1111 1111 1111, thanks", "card number: <card>, thanks"),
        ("user-4111111111111111", "user-<card>"),
        ("call +44 20 7946 0958 x12", "call <phone> x12"),
        ("call 001-518-640-0854 now", "call <phone> now"),
        ("(08) 8747-6301 or (579)888-3058x12", "<phone> or <phone>"),
        ("Phone: 467 3395", "Phone: <phone>"),
        ("tel. 030/1234 or mobile: 0490 75 40 81", "tel. 030/1234 or mobile: <phone>"),
        ("phone=9498777106 ok", "phone=<phone> ok"),
        ('{"mobile":"3660170548"}', '{"mobile":"<phone>"}'),
        ("please call me on 9472 7916?", "please call me on <phone>?"),
        ("call 01.84.17.61.18 or call me at 01.84.17.61.18", "call 01.84.17.61.18 or call me at <phone>"),
        ("416 60 039 office", "<phone> office"),
        (
            '{"phoneNumber": "4155552671", "user_phone": "030 1234567"}',
            '{"phoneNumber": "<phone>", "user_phone": "<phone>"}',
        ),
        ("tel:+14155552671 mobile_number=07700900123", "tel:<phone> mobile_number=<phone>"),
        ("SMS sent to +4915123456789", "SMS sent to <phone>"),
        ("creditCardNumber=4131034282458809939", "creditCardNumber=<card>"),
        ("POSTGRES_PASSWORD=geheim DB_PWD=x1y2", "POSTGRES_PASSWORD=<password> DB_PWD=<password>"),
        (
            '{"userPassword":"geheim","aws_secret_access_key":"abc/def"}',
            '{"userPassword":"<password>","aws_secret_access_key":"<password>"}',
        ),
        ("mysql --password geheim --host db", "mysql --password <password> --host db"),
        ("GET /?mail=jane%40example.org", "GET /?mail=<email>"),
        ("key sk-proj-" + "x1" * 20, "key <api_key>"),
        ("BE68 5390 0754 7034 PAID SOON", "<iban> PAID SOON"),
        ("iban gb82west12345698765432", "iban <iban>"),
        (f"key:\n{KEY}\nend", "key:\n<private_key>\nend"),
    ],
)
def test_what_is_hidden(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "blk_-1608999687919862906 replicated",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "4111 1111 1111 1112 fails the check digit",
        "at 12:34:56 and 2026-11-05T07:00:00Z",
        "version 1.2.3 of 4.5.6-rc1",
        "00:1b:63:84:45:e6 is a network card's own address",
        "0000000000000000 zeros",
        "081109 203518 148 INFO dfs.DataNode",
        "std::vector and a::b and std::dec2",
        "took 1790812800 ns",
        "550e8400-e29b-41d4-a716-446655440000",
        "blk_4131034282458809939 and blk_-4111111111111111",
        "score 0.4111111111111111",
        "Firmware version: 10.1.2.3, driver v1.2.3.4",
        "OID 1.3.6.1.4.1.9.9.46",
        "session ad7612345678 refreshed for user hana2612",
        "trace be12345678901234 of span 00f067aa0ba902b7",
        "split hdfs://nn/file:0+134217728",
        "moved by +134217728 bytes at +0100 1234",
        "Started getty@tty1.service and user@1000.service",
        "loaded icon@2x.png with react@18.2.0",
        "TTY=pts/0 ; PWD=/root ; USER=root",
        "mobile network cell 4 of 12",
        "call to method 12 took 300 ms, message 467 of 3395",
        "phone state changed 2026-11-05 07:00:00",
        "card 0 at 0x1f of 3 cards",
        "lines (404) 123 456",
        "00:11:22:33:44:55:66:77 is a port's GUID",
        "[2026-11-05T07:00:00.123456+00:00] pid 12345",
        "09:15:27.123 elapsed 00:00:05",
        "bearer authentication is off",
        "access token: expired",
        "hotel 12345678 and cancel 12345678",
        "cell 12345678 moved, desk 1234567 is free",
        "mobile app build 12345678",
        "message id 12345678 to 3 of 50010",
        "discard 4131034282458809939 bytes",
        "task-0123456789abcdef0123456789 done",
        "password for root, passwords are off, --password --host",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_checksums() -> None:
    assert luhn("4111-1111-1111-1111")
    assert not luhn("4111-1111-1111-1112")
    assert iban("DE89370400440532013000")
    assert not iban("DE89370400440532013001")


def test_counts_are_kept_and_nulls_stay_null() -> None:
    column, counts = redact_column(pa.array(["a@b.org c@d.org", None, "10.0.0.1", "plain"]))
    assert column.to_pylist() == ["<email> <email>", None, "<ip>", "plain"]
    assert counts == {"email": 2, "ip": 1}


def test_a_dictionary_column_stays_one_and_equal_texts_become_one() -> None:
    column = pa.array(["a@b.org", "c@d.org", None, "a@b.org"]).dictionary_encode().cast(LABELS)
    redacted, _ = redact_column(column)
    assert redacted.to_pylist() == ["<email>", "<email>", None, "<email>"]
    assert redacted.dictionary.to_pylist() == ["<email>"]
    assert redacted.type == LABELS


def test_an_address_in_a_metric_label_is_identity_and_stays_but_a_password_goes() -> None:
    labels = pa.array(['{"instance":"10.0.0.1:9100","url":"http://a:geheim@b/"}']).dictionary_encode().cast(LABELS)
    raw = pa.array(["10.0.0.1 said jane@example.org"])
    ts = pa.array([0], pa.int64()).cast(METRIC_POINT.schema.field("ts").type)
    batch = pa.RecordBatch.from_arrays([ts, labels, pa.array([1.0]), raw], schema=METRIC_POINT.schema)
    redacted, counts = redact_batch(batch)
    row = redacted.to_pylist()[0]
    assert json.loads(row["labels"]) == {"instance": "10.0.0.1:9100", "url": "http://a:<password>@b/"}
    assert row["raw"] == "<ip> said <email>"
    assert counts == {"url_password": 1, "ip": 1, "email": 1}


def test_summaries_of_alerts_lose_what_their_labels_may_keep() -> None:
    row = {"summary": "10.0.0.1 is down", "labels": '{"instance":"10.0.0.1"}', "alert_id": "4111111111111111"}
    redacted, counts = redact_batch(pa.RecordBatch.from_pylist([row], schema=ALERT.schema))
    out = redacted.to_pylist()[0]
    assert (out["summary"], out["labels"], out["alert_id"]) == ("<ip> is down", row["labels"], row["alert_id"])
    assert counts == {"ip": 1}


def test_a_kind_that_is_switched_off_stays_and_an_own_pattern_is_hidden() -> None:
    redaction = Redaction(kinds={"ip": False, "phone": False}, patterns={"customer": "C-[0-9]{8}"})
    row = {"summary": "C-12345678 at 10.0.0.1, a@b.org, +49 30 1234567", "labels": '{"id":"C-12345678","m":"a@b.org"}'}
    redacted, counts = redact_batch(pa.RecordBatch.from_pylist([row], schema=ALERT.schema), redaction)
    out = redacted.to_pylist()[0]
    assert out["summary"] == "<customer> at 10.0.0.1, <email>, +49 30 1234567"
    assert out["labels"] == '{"id":"C-12345678","m":"<email>"}'
    assert counts == {"customer": 1, "email": 2}


def test_every_kind_can_be_switched_off() -> None:
    assert {rule.kind for rule in ALL} == set(get_args(Kind))


@pytest.mark.needs("data")
def test_real_log_lines_lose_addresses_and_nothing_else(data_dir: Path) -> None:
    for system in ("BGL", "HDFS", "Hadoop", "Linux", "OpenSSH", "Spark", "Android", "HPC"):
        lines = (data_dir / "loghub" / system / f"{system}_2k.log").read_text(errors="replace").splitlines()
        redacted, counts = redact_column(pa.array(lines))
        assert counts.keys() <= {"ip", "email"}
        for before, after in zip(lines, redacted.to_pylist(), strict=True):
            kept = re.split("<ip>|<email>", after)
            assert all(part in before for part in kept)
            assert re.sub(r"\b(?!0\d)\d{1,3}(?:\.\d{1,3}){3}\b|[\w.]+@[\w.]+\.[a-z]{2,}", "", before) == "".join(kept)


@pytest.mark.parametrize("rule", [rule for rule in ALL if rule.trigger], ids=lambda rule: rule.kind)
@settings(max_examples=30)
@given(data=st.data())
def test_a_trigger_touches_whatever_its_pattern_does(rule: Rule, data: st.DataObject) -> None:
    python = re.compile(rule.pattern.replace(r"\z", r"\Z"), re.ASCII)
    text = data.draw(st.from_regex(python))
    column = pa.array([text])
    if pc.match_substring_regex(column, rule.pattern)[0].as_py():
        assert pc.match_substring_regex(column, rule.trigger)[0].as_py()


HARMLESS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda one: one.hex),
    st.binary(min_size=8, max_size=32).map(bytes.hex),
    st.integers(-(2**63), 2**63).map(lambda number: f"blk_{number}"),
    st.datetimes().map(lambda time: time.isoformat()),
    st.integers(1_600_000_000, 1_900_000_000).flatmap(lambda s: st.sampled_from([f"{s}", f"{s}123", f"{s}123456"])),
    st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: "v{}.{}.{}".format(*parts)),
    st.floats(0, 1).map(str),
    st.integers(0, 2**40).map(lambda number: f"{number} bytes"),
)


@given(st.lists(HARMLESS, min_size=1, max_size=4).map(" ".join))
def test_ids_hashes_times_and_versions_are_nobodys(text: str) -> None:
    assert redact_text(f"took {text}") == f"took {text}"


PIECES = st.sampled_from(
    ["a@b.org", "4111111111111111", "10.0.0.1", "::1", "+4930123456", "password=", "eyJhbGciOiJI", ".", ":", "/", "@",
     "://", " ", "-", "<", ">", '"', "\\", "DE89370400440532013000", "Bearer ",
     "card ", "Phone: ", "call me on ", "467 3395", " office", "x", "1", "é", "\n", "abcdefghijklmnop"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=12).map("".join))
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@given(st.lists(st.text(alphabet="abc @.", max_size=8), max_size=6))
def test_row_count_and_order_survive(texts: list[str]) -> None:
    column, _ = redact_column(pa.array(texts, pa.string()))
    assert len(column) == len(texts)
    assert column.to_pylist() == [redact_text(text) for text in texts]


@given(st.from_regex(r"\A[a-z0-9][a-z0-9._%+-]{0,20}@[a-z0-9-]{1,10}\.(org|de|co\.uk)\Z"))
def test_an_address_is_hidden_whatever_stands_around_it(address: str) -> None:
    assert redact_text(f"mail {address} now") == "mail <email> now"


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 20_000 + "a@" * 20_000 + ":" * 20_000,
        "call me on " + "1" * 200_000 + ": office",
        "call me on " + "1 " * 100_000 + ": office",
        "a" * 200_000 + "@b.service " + "a." * 100_000,
        "card " * 50_000 + "4" * 100_000,
        "card " + "4111 " * 50_000,
        "+1" * 100_000 + "(1)" * 50_000,
        "1." * 100_000 + " version 1.1.1.1.1",
        "DE89 " + "3704 " * 50_000,
        "password=" * 50_000,
    ],
)
def test_a_long_text_takes_linear_time(text: str) -> None:
    started = time.monotonic()
    redact_text(text)
    assert time.monotonic() - started < 5
