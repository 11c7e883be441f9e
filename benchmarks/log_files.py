"""Lines of log files as rows of `log_event`, in lines per second of one core; no reading from disk, no redaction.

Seconds are the processor's own, so that what else runs on the machine counts little. Forms: lines made here in the
most usual forms, told by their sample like any file's. Systems: 100,000 lines of each system of loghub (`loghub/`, its
2,000 lines over and over), with the share that a form fits. Beside the speed of the forms, the same lines one by one,
with Python's patterns and `strptime`, without attributes.
"""

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from benchmarks.result import Options, Row, run
from include.parse.formats import formats_of
from include.parse.log_text import LogText
from include.parse.moments import Clues
from include.parse.text import lines_of

LINES = 100_000
NAIVE_LINES = 5_000
GOAL = 300_000.0
START = datetime(2026, 10, 1, tzinfo=UTC)

FORMS = {
    "syslog": "{t:%b %d %H:%M:%S} web1 sshd[{n}]: Failed password for root from 10.0.0.7 port {n} ssh2",
    "RFC 5424": "<165>1 {t:%Y-%m-%dT%H:%M:%S}.003Z web1 shop 8710 ID47 - order {n} was paid by card",
    "access": '10.0.0.7 - - [{t:%d/%b/%Y:%H:%M:%S} +0000] "GET /item/{n} HTTP/1.1" 200 2326 "-" "curl/8.5"',
    "log4j": "{t:%Y-%m-%d %H:%M:%S},123 INFO [main] org.example.shop.Orders: order {n} was paid by card",
    "Python": "{t:%Y-%m-%d %H:%M:%S},123 - shop.orders - INFO - order {n} was paid by card",
    "klog": "I{t:%m%d %H:%M:%S}.525108       1 httplog.go:79] GET /api/v1/pods: ({n}ms)",
    "logfmt": 'ts={t:%Y-%m-%dT%H:%M:%S}Z level=info caller=main.go:12 msg="order was paid" order={n} ms=12',
    "JSON": '{{"time":"{t:%Y-%m-%dT%H:%M:%S}Z","level":"info","msg":"order was paid","order":{n},"ms":12}}',
    "time first": "{t:%Y-%m-%dT%H:%M:%S}Z order {n} was paid by card",
}
NAIVE = {
    "syslog": (r"(\w{3} \d\d [\d:]{8}) (\S+) ([^\[:]+)\[(\d+)\]: (.*)", "%b %d %H:%M:%S"),
    "access": (r'(\S+) \S+ (\S+) \[([^ ]+) [^\]]+\] "([^"]*)" (\d+) (\S+) "([^"]*)" "([^"]*)"', "%d/%b/%Y:%H:%M:%S"),
    "log4j": (r"(\S+ [\d:]{8}),\d+ (\w+) \[([^\]]+)\] (\S+): (.*)", "%Y-%m-%d %H:%M:%S"),
    "time first": (r"(\S+)Z (.*)", "%Y-%m-%dT%H:%M:%S"),
}


def measure(options: Options) -> Iterator[Row]:
    """Yield the speed of each form, then of each system with the share of its lines that a form fits."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    pa.set_cpu_count(1)
    count = LINES // (10 if options.quick else 1)
    if options.wants("forms"):
        for name, form in FORMS.items():
            lines = [form.format(t=START + timedelta(milliseconds=7 * at), n=at) for at in range(count)]
            naive = {"line by line": _naive(lines[:NAIVE_LINES], *NAIVE[name])} if name in NAIVE else {}
            yield _speed("forms", name, ("\n".join(lines) + "\n").encode(), naive)
    if options.wants("systems"):
        files = sorted((options.data / "loghub").glob("*/*_2k.log")) if options.data else []
        if not files:
            yield Row.missing("systems", "lines/s", "the folder loghub (DATA=folder of public data)")
        for file in files:
            yield from _system(file, count)


def _system(file: Path, count: int) -> Iterator[Row]:
    data = file.read_bytes().rstrip(b"\n") + b"\n"
    name = file.parent.name
    yield _speed("systems", name, data * (count // data.count(b"\n")), {})
    began = time.process_time()
    left = lines_of(data)
    total = len(left)
    forms = formats_of(left)
    for form in forms:
        left = left.filter(pa.array(~form.read(left, Clues()).fit))
    seconds = time.process_time() - began
    note = ", ".join(form.name for form in forms)
    yield Row("systems", f"{name}: share of lines of a form", 1 - len(left) / total, 1.0, {}, total, seconds, note=note)


def _speed(name: str, what: str, data: bytes, naive: dict[str, float]) -> Row:
    began = time.process_time()
    text = LogText("auto", Clues())
    rows = text.read(data).table.num_rows + text.end().table.num_rows
    seconds = time.process_time() - began
    note = ", ".join(text.formats)
    return Row(name, f"{what}: lines/s", data.count(b"\n") / seconds, GOAL, naive, rows, seconds, note=note)


def _naive(lines: list[str], pattern: str, moment: str) -> float:
    """Return lines/s of one pattern and one `strptime` for each line."""
    began = time.process_time()
    compiled = re.compile(pattern)
    found = []
    for line in lines:
        match = compiled.match(line)
        if match is None:
            raise ValueError(f"The pattern does not fit {line!r}.")
        groups = match.groups()
        text = groups[2] if "/" in moment else groups[0]
        found.append((datetime.strptime(text, moment).replace(tzinfo=UTC), *groups))
    return len(found) / (time.process_time() - began)


if __name__ == "__main__":
    run("log_files", __doc__ or "", measure)
