"""Redaction: recall per kind, hits on what is nobody's, and speed; beside patterns run line by line.

Recall on texts comes from public synthetic ones with marked spans (`pii/`), where a value counts as hidden when it no
longer stands in its text; recall on tokens from random ones made here. Hits on harmless text are counted on ids,
hashes, times and versions made here, and on real log lines (`loghub/`), where anything but an address is a mistake.
Random numbers of 16 digits are shown without a goal: one in ten of those in an issuer's range passes the check digit.
"""

import json
import re
import string
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.result import Options, Row, run
from include.redact import redact_column
from include.redact.rules import ALL

KINDS = {
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "iban",
}
EACH = 2_000
SPEED_LINES = 500_000
NAIVE_LINES = 5_000
Make = Callable[[np.random.Generator], str]


def measure(options: Options) -> Iterator[Row]:
    """Yield recall, then mistakes, then speed."""
    each = 200 if options.quick else EACH
    if options.wants("recall"):
        yield from _recall_on_texts(options.data)
        yield from _recall_on_tokens(each)
    if options.wants("mistakes"):
        yield from _mistakes(each)
        yield from _mistakes_on_logs(options.data)
    if options.wants("speed"):
        yield from _speeds(SPEED_LINES // (10 if options.quick else 1))


def _recall_on_texts(data: Path | None) -> Iterator[Row]:
    file = data / "pii" / "synth_dataset_v2.json" if data else None
    if file is None or not file.exists():
        yield Row.missing("recall", "texts", "the folder pii (DATA=folder of public data)")
        return
    samples = json.loads(file.read_text(encoding="utf-8"))
    began = time.perf_counter()
    texts = redact_column(pa.array([sample["full_text"] for sample in samples]))[0].to_pylist()
    seconds = time.perf_counter() - began
    marked, hidden, beyond = Counter[str](), Counter[str](), Counter[str]()
    for sample, text in zip(samples, texts, strict=True):
        here: Counter[str] = Counter()
        for span in sample["spans"]:
            kind = KINDS.get(span["entity_type"])
            if kind is not None:
                here[kind] += 1
                hidden[kind] += span["entity_value"] not in text
        marked += here
        beyond += Counter(re.findall(r"<([a-z_]+)>", text)) - here
    for kind in KINDS.values():
        note = f"{beyond[kind]} hits beyond the marked spans"
        yield Row(
            "recall", f"{kind} in texts", hidden[kind] / marked[kind], 0.98, n=marked[kind], seconds=seconds, note=note
        )


def _recall_on_tokens(each: int) -> Iterator[Row]:
    draw = np.random.default_rng(1)
    for kind, make in _TOKENS.items():
        tokens = [make(draw) for _ in range(each)]
        began = time.perf_counter()
        texts = redact_column(pa.array([f"request with {token} failed" for token in tokens]))[0].to_pylist()
        seconds = time.perf_counter() - began
        hidden = sum(token not in text for token, text in zip(tokens, texts, strict=True))
        yield Row("recall", kind, hidden / each, 0.98, n=each, seconds=seconds)


def _mistakes(each: int) -> Iterator[Row]:
    draw = np.random.default_rng(2)
    for kind, (make, goal) in _HARMLESS.items():
        texts = [f"job {make(draw)} done" for _ in range(each)]
        began = time.perf_counter()
        redacted = redact_column(pa.array(texts))[0].to_pylist()
        hits = sum(one != other for one, other in zip(texts, redacted, strict=True))
        yield Row(
            "mistakes", kind, float(hits), goal, n=each, seconds=time.perf_counter() - began, higher_is_better=False
        )


def _mistakes_on_logs(data: Path | None) -> Iterator[Row]:
    files = sorted((data / "loghub").glob("*/*_2k.log")) if data else []
    if not files:
        yield Row.missing("mistakes", "real log lines", "the folder loghub (DATA=folder of public data)")
        return
    lines = [line for file in files for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
    began = time.perf_counter()
    counts = redact_column(pa.array(lines))[1]
    seconds = time.perf_counter() - began
    wrong = sum(number for kind, number in counts.items() if kind not in {"ip", "email"})
    note = f"and {counts['ip']:,} addresses, {counts['email']} e-mails hidden"
    yield Row("mistakes", "real log lines", float(wrong), 0.0, {}, len(lines), seconds, False, note)


def _speeds(count: int) -> Iterator[Row]:
    draw = np.random.default_rng(3)
    for kind, (make, goal) in _LINES.items():
        lines = pa.array([make(draw) for _ in range(count)])
        redact_column(lines.slice(0, 100))
        runs = []
        for _ in range(3):
            began = time.perf_counter()
            counts = redact_column(lines)[1]
            runs.append(time.perf_counter() - began)
        few = lines.slice(0, NAIVE_LINES).to_pylist()
        patterns = [(re.compile(rule.pattern.replace(r"\z", r"\Z"), re.ASCII), rule.replacement) for rule in ALL]
        began = time.perf_counter()
        for line in few:
            for pattern, replacement in patterns:
                line = pattern.sub(replacement, line)  # noqa: PLW2901
        naive = len(few) / (time.perf_counter() - began)
        note = f"one core, best of 3; {counts.total() / count:.0%} hits a line"
        yield Row(
            "speed", f"lines/s, {kind}", count / min(runs), goal, {"line by line": naive}, count, min(runs), note=note
        )


def _of(alphabet: str, length: int) -> Make:
    letters = np.array(list(alphabet))
    return lambda draw: "".join(draw.choice(letters, length))


def _number(low: int, high: int) -> Make:
    return lambda draw: str(int(draw.integers(low, high)))


_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_BIG = 2**62
_WORD = _of(_ALNUM, 24)
_TOKENS: Mapping[str, Make] = {
    "JSON web tokens": lambda draw: f"eyJ{_WORD(draw)}.eyJ{_WORD(draw)}.{_WORD(draw)}",
    "AWS keys": lambda draw: "AKIA" + _of(string.ascii_uppercase + string.digits, 16)(draw),
    "GCP keys": lambda draw: "AIza" + _of(_ALNUM + "-_", 35)(draw),
    "Slack tokens": lambda draw: f"xoxb-{_number(10**11, 10**12)(draw)}-{_WORD(draw)}",
    "GitHub tokens": lambda draw: "ghp_" + _of(_ALNUM, 36)(draw),
    "GitLab tokens": lambda draw: "glpat-" + _of(_ALNUM + "-_", 20)(draw),
    "Stripe keys": lambda draw: "sk_live_" + _WORD(draw),
    "passwords in URLs": lambda draw: f"{_of(_ALNUM, 12)(draw)}@db:5432".join(["postgres://app:", "/shop"]),
    "named passwords": lambda draw: f"password={_of(_ALNUM + '!$%', 12)(draw)}",
    "bearer tokens": lambda draw: f"Bearer {_WORD(draw)}",
}


def _time(draw: np.random.Generator) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(draw.integers(2**44)))).isoformat()


_HARMLESS: Mapping[str, tuple[Make, float | None]] = {
    "UUIDs": (lambda draw: str(uuid.UUID(bytes=draw.bytes(16))), 0.0),
    "SHA-256 hashes": (_of(_HEX, 64), 0.0),
    "SHA-1 hashes": (_of(_HEX, 40), 0.0),
    "trace ids": (_of(_HEX, 32), 0.0),
    "span ids": (_of(_HEX, 16), 0.0),
    "short ids": (_of(_HEX, 12), 0.0),
    "block ids": (lambda draw: f"blk_{int(draw.integers(-_BIG, _BIG))}", 0.0),
    "times": (_time, 0.0),
    "epoch milliseconds": (_number(1_600_000_000_000, 1_900_000_000_000), 0.0),
    "epoch microseconds": (_number(1_600_000_000_000_000, 1_900_000_000_000_000), 0.0),
    "epoch nanoseconds": (_number(1_600_000_000_000_000_000, 1_900_000_000_000_000_000), 0.0),
    "numbers of 17 to 19 digits": (_number(10**16, 9 * 10**18), 0.0),
    "numbers below 12 digits": (_number(0, 10**11), 0.0),
    "numbers of 16 digits": (_number(10**15, 10**16), None),
    "fractions": (lambda draw: str(draw.random()), 0.0),
    "versions": (lambda draw: ".".join(str(part) for part in draw.integers(0, 99, 3)), 0.0),
    "versions of four parts": (lambda draw: "version " + ".".join(str(part) for part in draw.integers(0, 99, 4)), 0.0),
    "MAC addresses": (lambda draw: ":".join(f"{part:02x}" for part in draw.integers(0, 256, 6)), 0.0),
}
_LINES: Mapping[str, tuple[Make, float | None]] = {
    "ordinary": (
        lambda draw: f"session {_HEX_ID(draw)} refreshed, flushed {draw.integers(9999)} entries in 12 ms",
        1e6,
    ),
    "an address each": (
        lambda draw: f"connection accepted from 10.0.{draw.integers(255)}.7:{draw.integers(65535)}",
        None,
    ),
    "an e-mail each": (lambda draw: f"login of user{draw.integers(99999)}@mail.example took 12 ms", None),
}
_HEX_ID = _of(_HEX, 12)


if __name__ == "__main__":
    run("redaction", "Recall, mistakes and speed of redaction.", measure)
