import csv
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.parse.template import LONGEST, template_id, template_of, templates_of


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("health check ok", "health check ok"),
        ("flushed 52378 entries in 13 ms", "flushed <*> entries in <*> ms"),
        ("took 12.5ms, 80% of 4.0 KB", "took <*> of <*>"),
        ("size 4 B", "size <*>"),
        ("Received block blk_-1608 of size 91178 from /10.250.10.6", "Received block <*> of size <*> from <*>"),
        ("connection from 10.0.0.1:5432", "connection from <*>"),
        ("connection from <ip>:5432", "connection from <*>"),
        ("login of <email>", "login of <*>"),
        ("request 550e8400-e29b-41d4-a716-446655440000 done", "request <*> done"),
        ("commit deadbeef0 and cafebabe", "commit <*> and <*>"),
        ("GET https://shop.example/cart?id=7 failed", "GET <*> failed"),
        ("open /var/lib/data/file.txt: no space", "open <*>: no space"),
        (r"open C:\Users\me\file.txt now", "open <*> now"),
        ('user="anna b" took=5 ok=true', 'user="<*>" took=<*> ok=<*>'),
        ("service 'payments' is up", "service '<*>' is up"),
        ("don't stop, we can't", "don't stop, we can't"),
        ("pool stats: active=143 idle=8329", "pool stats: active=<*> idle=<*>"),
        ("uid= euid=0 tty=NODEVssh", "uid=<*> euid=<*> tty=<*>"),
        ("token=Token{a64f992 ActivityRecord} end", "token=<*> end"),
        ("at Sat Jun 11 03:28:22 2005 done", "at <*> done"),
        ("2026-11-05T07:00:00.123Z done", "<*> done"),
        ("delete 1 2 3 4 now", "delete <*> now"),
        ("session closed for user cyrus", "session closed for user <*>"),
        ("mapping of ns.shop.com failed", "mapping of <*> failed"),
        ("java.io.IOException: broken pipe", "java.io.IOException: broken pipe"),
        ("worker-7 of shard_12", "<*> of <*>"),
        ("  spaces \t here ", "spaces here"),
        ("boom\n  at a.b(C.java:12)\n  at d\n  ... 12 more", "boom … ... <*> more"),
        ('level=info msg="login failed for user 7" ms=12', "level=<*> msg: login failed for user <*>; ms=<*>"),
        (r'x="a \"b\" c" end', 'x="<*>" end'),
        ('payload={"id": 12, "user": "anna"}', "payload=<*>"),
        ('GET "Mozilla/5.0 (X11)" 200', 'GET "<*>" <*>'),
        ("", ""),
    ],
)
def test_templates(message: str, template: str) -> None:
    assert template_of(message) == template


def test_a_null_message_has_the_empty_template() -> None:
    found = templates_of(pa.array([None, "a 1", "a 2"]))
    assert found.texts.take(found.codes).to_pylist() == ["", "a <*>", "a <*>"]


def test_ids_never_change_between_machines_and_releases() -> None:
    assert template_id("took <*> ms") == -8750554891753679220


WORDS = st.sampled_from(
    ["took", "12", "ms", "=", "key=", "<*>", "10.0.0.1", ":", "/a/b", '"', "'", "(", ")", "[", "]", "{", "}", " ", ",",
     "0", "true", "http://a", "Jan", "Mon", "<ip>", "-", "_", ".", "@", "é", "\n", "deadbeef", "for user x", "a.com"]
)  # fmt: skip
TEXTS = st.lists(WORDS | st.text(max_size=6), max_size=14).map("".join)


@given(TEXTS)
def test_any_text_has_a_template_without_digits(text: str) -> None:
    template = template_of(text)
    assert len(template) <= LONGEST
    assert not any(letter in "0123456789" for letter in template)


@given(st.lists(TEXTS, max_size=8))
def test_a_template_depends_on_its_message_alone(texts: list[str]) -> None:
    found = templates_of(pa.array(texts, pa.string()))
    assert found.texts.take(found.codes).to_pylist() == [template_of(text) for text in texts]
    assert len(set(found.texts.to_pylist())) == len(found.texts)


@given(st.from_regex(r"\A[a-z]{1,8} [a-z]{1,8}: \Z"), st.integers(0, 2**63), st.integers(0, 2**63))
def test_two_numbers_in_the_same_place_are_one_template(words: str, one: int, other: int) -> None:
    assert template_of(f"{words}{one} ms") == template_of(f"{words}{other} ms")


def test_a_long_text_takes_linear_time() -> None:
    started = time.monotonic()
    template_of("a=1 " * 20_000 + '"' * 20_001 + "(" * 20_000 + "0:" * 20_000 + "\n" * 20_000 + "x")
    assert time.monotonic() - started < 5


@pytest.mark.needs("data")
def test_real_systems_group_as_their_authors_say(data_dir: Path) -> None:
    accuracies = {}
    for file in sorted((data_dir / "loghub").glob("*/*_structured_corrected.csv")):
        with file.open(newline="", encoding="utf-8", errors="replace") as text:
            rows = list(csv.DictReader(text))
        order = list(range(len(rows)))
        random.Random(0).shuffle(order)
        found = templates_of(pa.array([rows[at]["Content"] for at in order])).codes.to_pylist()
        ours, true = defaultdict(set), defaultdict(set)
        for at, code in zip(order, found, strict=True):
            ours[code].add(at)
            true[rows[at]["EventId"]].add(at)
        groups = Counter(frozenset(group) for group in true.values())
        accuracies[file.parent.name] = sum(len(group) for group in ours.values() if frozenset(group) in groups) / len(
            rows
        )
    assert len(accuracies) == 10
    assert sum(accuracies.values()) / len(accuracies) > 0.9, accuracies
