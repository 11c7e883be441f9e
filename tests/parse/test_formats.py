"""Every form of log line, by the examples of its own documentation."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.parse.formats import FAMILIES, formats_of
from include.parse.log_text import LogText
from include.parse.moments import Clues

CLUES = {"latest": datetime(2026, 10, 2, tzinfo=UTC)}


def read(*lines: str, named: str = "auto", **clues: Any) -> list[dict[str, Any]]:
    text = LogText(named, Clues(**{**CLUES, **clues}))
    blocks = [text.read("".join(f"{line}\n" for line in lines).encode()), text.end()]
    table = pa.concat_tables([block.table for block in blocks])
    table.validate(full=True)
    return table.to_pylist()


def short(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a row says, without what it does not say; the time as text, the attributes as a mapping."""
    said = {name: value for name, value in row.items() if value is not None}
    if "ts" in said:
        said["ts"] = said["ts"].isoformat().replace("+00:00", "Z")
    if "attributes" in said:
        said["attributes"] = json.loads(said["attributes"])
    return said


# Each: the name of the form, a line of its documentation, and what it says.
EXAMPLES: list[tuple[str, str, dict[str, Any]]] = [
    # RFC 3164, 5.4, examples 1 and 2.
    (
        "RFC 3164",
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
        {
            "ts": "2025-10-11T22:14:15Z",
            "service": "su",
            "host": "mymachine",
            "level": "2",
            "message": "'su root' failed for lonvick on /dev/pts/8",
            "attributes": {"priority": "34"},
        },
    ),
    (
        "RFC 3164 without a program",
        "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
        {
            "ts": "2026-02-05T17:32:18Z",
            "host": "10.0.0.99",
            "level": "5",
            "message": "Use the BFG!",
            "attributes": {"priority": "13"},
        },
    ),
    # RFC 5424, 6.5, examples 1 to 4.
    (
        "RFC 5424",
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed on /dev/pts/8",
        {
            "ts": "2003-10-11T22:14:15.003000Z",
            "service": "su",
            "host": "mymachine.example.com",
            "level": "2",
            "message": "'su root' failed on /dev/pts/8",
            "attributes": {"msgid": "ID47", "priority": "34"},
        },
    ),
    (
        "RFC 5424",
        "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
        {
            "ts": "2003-08-24T12:14:15.000003Z",
            "service": "myproc",
            "host": "192.0.2.1",
            "level": "5",
            "message": "%% It's time to make the do-nuts.",
            "attributes": {"pid": "8710", "priority": "165"},
        },
    ),
    (
        "RFC 5424",
        (
            '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" '
            'eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]'
        ),
        {
            "ts": "2003-10-11T22:14:15.003000Z",
            "service": "evntslog",
            "host": "mymachine.example.com",
            "level": "5",
            "message": "",
            "attributes": {
                "data": '[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]'
                '[examplePriority@32473 class="high"]',
                "msgid": "ID47",
                "priority": "165",
            },
        },
    ),
    # journalctl -o short-iso, and rsyslog's RSYSLOG_FileFormat.
    (
        "syslog with an ISO time",
        "2026-10-01T10:00:00.123456+02:00 web1 sshd[812]: Accepted publickey for deploy",
        {
            "ts": "2026-10-01T08:00:00.123456Z",
            "service": "sshd",
            "host": "web1",
            "message": "Accepted publickey for deploy",
            "attributes": {"pid": "812"},
        },
    ),
    # https://httpd.apache.org/docs/2.4/logs.html
    (
        "access log",
        '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
        {
            "ts": "2000-10-10T20:55:36Z",
            "level": "INFO",
            "message": '"GET /apache_pb.gif HTTP/1.0" 200 2326',
            "attributes": {"client": "127.0.0.1", "status": "200", "user": "frank"},
        },
    ),
    (
        "access log",
        (
            '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 503 - '
            '"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
        ),
        {
            "ts": "2000-10-10T20:55:36Z",
            "level": "ERROR",
            "message": '"GET /apache_pb.gif HTTP/1.0" 503 -',
            "attributes": {
                "agent": "Mozilla/4.08 [en] (Win98; I ;Nav)",
                "client": "127.0.0.1",
                "referer": "http://www.example.com/start.html",
                "status": "503",
                "user": "frank",
            },
        },
    ),
    (
        "access log",
        'shop.example.org 10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a \\"b\\" HTTP/2.0" 404 7 "-" "curl" 0.005',
        {
            "ts": "2000-10-10T13:55:36Z",
            "level": "WARN",
            "message": '"GET /a \\"b\\" HTTP/2.0" 404 7',
            "attributes": {
                "agent": "curl",
                "client": "10.0.0.1",
                "more": "0.005",
                "status": "404",
                "vhost": "shop.example.org",
            },
        },
    ),
    (
        "Apache error log",
        (
            "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] File does "
            "not exist: /usr/local/apache2/htdocs/favicon.ico"
        ),
        {
            "ts": "2011-09-09T10:42:29.902022Z",
            "level": "error",
            "logger": "core",
            "message": "File does not exist: /usr/local/apache2/htdocs/favicon.ico",
            "attributes": {"client": "72.15.99.187", "pid": "35708", "tid": "4328636416"},
        },
    ),
    # https://nginx.org/en/docs/debugging_log.html names the form; the line is of nginx itself.
    (
        "nginx error log",
        '2026/10/01 12:00:00 [error] 1234#5678: *90 open() "/var/www/x" failed (2: No such file or directory)',
        {
            "ts": "2026-10-01T12:00:00Z",
            "level": "error",
            "message": 'open() "/var/www/x" failed (2: No such file or directory)',
            "attributes": {"connection": "90", "pid": "1234", "tid": "5678"},
        },
    ),
    # https://brandur.org/logfmt, and go-kit's.
    (
        "logfmt",
        'ts=2026-10-01T10:00:00.5Z level=info msg="Stopping all \\"fetchers\\"" tag=stopping_fetchers id=7 trace_id=ab',
        {
            "ts": "2026-10-01T10:00:00.500000Z",
            "level": "info",
            "message": 'Stopping all "fetchers"',
            "trace_id": "ab",
            "attributes": {"id": "7", "tag": "stopping_fetchers"},
        },
    ),
    # https://docs.spring.io/spring-boot/reference/features/logging.html
    (
        "Spring Boot",
        "2026-10-01T10:00:00.872Z  INFO 129128 --- [myapp] [           main] o.s.b.d.f.MyApplication       : Starting",
        {
            "ts": "2026-10-01T10:00:00.872000Z",
            "level": "INFO",
            "logger": "o.s.b.d.f.MyApplication",
            "message": "Starting",
            "attributes": {"pid": "129128", "thread": "[myapp] [           main] "},
        },
    ),
    (
        "Logback",
        "2026-10-01 10:00:00,123 [main] DEBUG com.foo.Bar - entered",
        {
            "ts": "2026-10-01T10:00:00.123000Z",
            "level": "DEBUG",
            "logger": "com.foo.Bar",
            "message": "entered",
            "attributes": {"thread": "main"},
        },
    ),
    (
        "log4j",
        "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster",
        {
            "ts": "2015-10-18T18:01:47.978000Z",
            "level": "INFO",
            "logger": "org.apache.hadoop.mapreduce.v2.app.MRAppMaster",
            "message": "Created MRAppMaster",
            "attributes": {"thread": "main"},
        },
    ),
    (
        "ZooKeeper",
        "2015-07-29 17:41:44,747 - WARN  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Timeout",
        {
            "ts": "2015-07-29T17:41:44.747000Z",
            "level": "WARN",
            "logger": "FastLeaderElection@774",
            "message": "Timeout",
            "attributes": {"thread": "QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181"},
        },
    ),
    (
        "log4j without a thread",
        "17/06/09 20:10:40 INFO executor.CoarseGrainedExecutorBackend: Registered signal handlers",
        {
            "ts": "2017-06-09T20:10:40Z",
            "level": "INFO",
            "logger": "executor.CoarseGrainedExecutorBackend",
            "message": "Registered signal handlers",
        },
    ),
    (
        "Kafka",
        "[2026-10-01 10:00:00,123] INFO [KafkaServer id=0] started (kafka.server.KafkaServer)",
        {
            "ts": "2026-10-01T10:00:00.123000Z",
            "level": "INFO",
            "logger": "kafka.server.KafkaServer",
            "message": "[KafkaServer id=0] started",
        },
    ),
    (
        "Elasticsearch",
        "[2026-10-01T10:00:00,123][WARN ][o.e.n.Node               ] [node-1] stopping",
        {
            "ts": "2026-10-01T10:00:00.123000Z",
            "host": "node-1",
            "level": "WARN",
            "logger": "o.e.n.Node",
            "message": "stopping",
        },
    ),
    # https://docs.python.org/3/howto/logging.html
    (
        "Python",
        "2005-03-19 15:10:26,618 - simple_example - CRITICAL - critical message",
        {
            "ts": "2005-03-19T15:10:26.618000Z",
            "level": "CRITICAL",
            "logger": "simple_example",
            "message": "critical message",
        },
    ),
    (
        "Loguru",
        "2026-10-01 10:00:00.123 | WARNING  | app.views:index:12 - slow",
        {"ts": "2026-10-01T10:00:00.123000Z", "level": "WARNING", "logger": "app.views:index:12", "message": "slow"},
    ),
    (
        "Airflow",
        "[2026-10-01T10:00:00.123+0200] {taskinstance.py:1157} INFO - Dependencies all met",
        {
            "ts": "2026-10-01T08:00:00.123000Z",
            "level": "INFO",
            "logger": "taskinstance.py:1157",
            "message": "Dependencies all met",
        },
    ),
    (
        "Gunicorn",
        "[2026-10-01 10:00:00 +0000] [42] [INFO] Booting worker with pid: 42",
        {
            "ts": "2026-10-01T10:00:00Z",
            "level": "INFO",
            "message": "Booting worker with pid: 42",
            "attributes": {"pid": "42"},
        },
    ),
    (
        "Celery",
        "[2026-10-01 10:00:00,123: ERROR/ForkPoolWorker-1] Task raised",
        {
            "ts": "2026-10-01T10:00:00.123000Z",
            "level": "ERROR",
            "message": "Task raised",
            "attributes": {"process": "ForkPoolWorker-1"},
        },
    ),
    # https://kubernetes.io/docs/concepts/cluster-administration/system-logs/
    (
        "klog",
        "I1025 00:15:15.525108       1 httplog.go:79] GET /api/v1/namespaces/kube-system/pods: (1.512ms)",
        {
            "ts": "2025-10-25T00:15:15.525108Z",
            "level": "I",
            "logger": "httplog.go:79",
            "message": "GET /api/v1/namespaces/kube-system/pods: (1.512ms)",
            "attributes": {"thread": "1"},
        },
    ),
    (
        "glog",
        "E20260102 15:04:05.678901 12345 file.cc:10] broken",
        {
            "ts": "2026-01-02T15:04:05.678901Z",
            "level": "E",
            "logger": "file.cc:10",
            "message": "broken",
            "attributes": {"thread": "12345"},
        },
    ),
    (
        "logcat",
        "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezing: x",
        {
            "ts": "2026-03-17T16:13:38.811000Z",
            "level": "D",
            "logger": "WindowManager",
            "message": "printFreezing: x",
            "attributes": {"pid": "1702", "thread": "2395"},
        },
    ),
    (
        "PostgreSQL",
        '2026-10-01 10:00:00.123 UTC [42] app@shop ERROR:  relation "x" does not exist at character 15',
        {
            "ts": "2026-10-01T10:00:00.123000Z",
            "level": "ERROR",
            "message": 'relation "x" does not exist at character 15',
            "attributes": {"database": "shop", "pid": "42", "user": "app"},
        },
    ),
    # https://dev.mysql.com/doc/refman/8.4/en/error-log-format.html
    (
        "MySQL",
        "2020-08-06T14:25:03.109022Z 5 [Note] [MY-010051] [Server] Event Scheduler: scheduler thread started",
        {
            "ts": "2020-08-06T14:25:03.109022Z",
            "level": "Note",
            "logger": "Server",
            "message": "Event Scheduler: scheduler thread started",
            "attributes": {"code": "MY-010051", "thread": "5"},
        },
    ),
    (
        "Redis",
        "31267:M 01 Oct 2026 10:00:00.123 # Server initialized",
        {
            "ts": "2026-10-01T10:00:00.123000Z",
            "level": "warning",
            "message": "Server initialized",
            "attributes": {"pid": "31267", "role": "M"},
        },
    ),
    # https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
    (
        "CRI",
        "2016-10-06T00:17:09.669794202Z stdout F The content of the log entry 1",
        {
            "ts": "2016-10-06T00:17:09.669794Z",
            "message": "The content of the log entry 1",
            "attributes": {"stream": "stdout"},
        },
    ),
    (
        "ISO time first",
        "2026-10-01T10:00:00Z something happened: 7",
        {"ts": "2026-10-01T10:00:00Z", "message": "something happened: 7"},
    ),
    (
        "ISO time first",
        "[2026-10-01 10:00:00.5] [error] something else",
        {"ts": "2026-10-01T10:00:00.500000Z", "level": "error", "message": "something else"},
    ),
    (
        "ISO time inside",
        "job 7 at 2026-10-01 10:00:00: done",
        {"ts": "2026-10-01T10:00:00Z", "message": "job 7 at 2026-10-01 10:00:00: done"},
    ),
    (
        "Unix time inside",
        "350766 node-109 unix.hw state_change.unavailable 1084680778 1 Component",
        {
            "ts": "2004-05-16T04:12:58Z",
            "message": "350766 node-109 unix.hw state_change.unavailable 1084680778 1 Component",
        },
    ),
]


@pytest.mark.parametrize(
    ("form", "line", "expected"), EXAMPLES, ids=[f"{form} {at}" for at, (form, _, _) in enumerate(EXAMPLES)]
)
def test_an_example_is_recognised_and_read(form: str, line: str, expected: dict[str, Any]) -> None:
    assert formats_of(pa.array([line]))[0].name == form
    (row,) = read(line)
    assert short(row) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_every_form_has_an_example(family: str) -> None:
    shown = {form for form, _, _ in EXAMPLES} | {"JSON lines"}
    particular = {"Python, level first", "Python, brackets", "C time inside"}
    general = {one.name for one in FAMILIES["time-first"]}
    assert {one.name for one in FAMILIES[family]} <= shown | particular | general


# Each: the logger, a line as its documentation shows it, what it says.
OBJECTS: list[tuple[str, dict[str, Any] | str, dict[str, Any]]] = [
    (
        "pino",
        '{"level":30,"time":1531171074631,"msg":"hello world","pid":657,"hostname":"Davids-MBP-3.fritz.box"}',
        {
            "ts": "2018-07-09T21:17:54.631000Z",
            "host": "Davids-MBP-3.fritz.box",
            "level": "30",
            "message": "hello world",
            "attributes": {"pid": 657},
        },
    ),
    (
        "bunyan",
        '{"name":"myapp","hostname":"banana.local","pid":40161,"level":50,"msg":"hi","time":"2013-01-04T18:46:23.851Z","v":0}',
        {
            "ts": "2013-01-04T18:46:23.851000Z",
            "host": "banana.local",
            "level": "50",
            "logger": "myapp",
            "message": "hi",
            "attributes": {"pid": 40161, "v": 0},
        },
    ),
    (
        "zap",
        '{"level":"info","ts":1571153541.5,"caller":"main.go:14","msg":"got","url":"http://x","attempt":3}',
        {
            "ts": "2019-10-15T15:32:21.500000Z",
            "level": "info",
            "logger": "main.go:14",
            "message": "got",
            "attributes": {"attempt": 3, "url": "http://x"},
        },
    ),
    (
        "Elastic Common Schema",
        (
            '{"@timestamp":"2019-08-06T12:09:12.375Z","log.level":"INFO","message":"Tomcat","service.name":"petclinic",'
            '"log.logger":"o.s.b.Tomcat","trace.id":"ab","ecs.version":"1.2.0"}'
        ),
        {
            "ts": "2019-08-06T12:09:12.375000Z",
            "service": "petclinic",
            "level": "INFO",
            "logger": "o.s.b.Tomcat",
            "message": "Tomcat",
            "trace_id": "ab",
            "attributes": {"ecs.version": "1.2.0"},
        },
    ),
    (
        "Elastic, nested",
        (
            '{"@timestamp":"2019-08-06T12:09:12.375Z","log":{"level":"warn","logger":"a.B"},"message":"x","service":{"name":"s"},'
            '"host":{"name":"h"},"trace":{"id":"t"}}'
        ),
        {
            "ts": "2019-08-06T12:09:12.375000Z",
            "service": "s",
            "host": "h",
            "level": "warn",
            "logger": "a.B",
            "message": "x",
            "trace_id": "t",
            "attributes": {
                "host": {"name": "h"},
                "log": {"level": "warn", "logger": "a.B"},
                "service": {"name": "s"},
                "trace": {"id": "t"},
            },
        },
    ),
    (
        "Datadog",
        '{"timestamp":"2026-10-01 10:00:00,5","x":1,"msg":"m","dd":{"trace_id":"1","span_id":"2","service":"s"}}',
        {
            "ts": "2026-10-01T10:00:00.500000Z",
            "service": "s",
            "message": "m",
            "trace_id": "1",
            "span_id": "2",
            "attributes": {"dd": {"service": "s", "span_id": "2", "trace_id": "1"}, "x": 1},
        },
    ),
    (
        "Docker's json-file",
        '{"log":"hello\\u001b[31m red\\n","stream":"stderr","time":"2019-01-01T11:11:11.111111111Z"}',
        {"ts": "2019-01-01T11:11:11.111111Z", "message": "hello red", "attributes": {"stream": "stderr"}},
    ),
    (
        "without a text",
        '{"time":"2026-10-01T10:00:00Z","lvl":"WARN","a":1}',
        {
            "ts": "2026-10-01T10:00:00Z",
            "level": "WARN",
            "message": '{"time":"2026-10-01T10:00:00Z","lvl":"WARN","a":1}',
        },
    ),
    (
        "what only a forgiving reader takes",
        '{"time":"2026-10-01T10:00:00Z","msg":"half \\ud83d","ratio":NaN,"big":1e999}',
        {"ts": "2026-10-01T10:00:00Z", "message": "half ?", "attributes": {"big": "1e999", "ratio": "NaN"}},
    ),
]


@pytest.mark.parametrize(("logger", "line", "expected"), OBJECTS, ids=[logger for logger, _, _ in OBJECTS])
def test_json_lines_of_every_logger(logger: str, line: str, expected: dict[str, Any]) -> None:
    (row,) = read(line)
    assert short(row) == expected


def test_a_broken_object_goes_out_with_its_text_and_a_bomb_is_no_bomb() -> None:
    good = '{"time":"2026-10-01T10:00:00Z","msg":"a"}'
    bomb = '{"a":' * 100_000
    rows = read(good, '{"time":"2026-10-01T10:00:01Z","msg":', bomb, good, "no object", named="json")
    assert [row["message"] for row in rows] == ["a", None, None, "a\nno object"]
    assert [row["raw"] for row in rows] == [None, '{"time":"2026-10-01T10:00:01Z","msg":', bomb, None]


def test_a_named_form_is_the_only_one_that_is_tried() -> None:
    line = "2026-10-01 10:00:00,123 INFO [main] a.B: x"
    assert read(line, named="time-inside")[0]["message"] == line
    assert read(line, named="klog")[0]["raw"] == line


def test_the_most_particular_form_wins_and_the_rest_is_read_by_a_general_one() -> None:
    lines = [f"2026-10-01 10:00:{at:02},123 INFO [main] a.B: {at}" for at in range(50)]
    rows = read(*lines, "2026-10-01 10:00:50,123 odd")
    assert [row["logger"] for row in rows[49:]] == ["a.B", None]
    assert [row["message"] for row in rows[49:]] == ["49", "odd"]


def test_a_program_that_writes_two_forms_has_both_read() -> None:
    access = '1.2.3.4 - - [01/Oct/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5'
    rows = read(*([access] * 9), "2026/10/01 10:00:00 [warn] 1#1: low")
    assert [row["level"] for row in rows] == ["INFO"] * 9 + ["warn"]


def test_many_shapes_of_logfmt_are_read_as_one_is() -> None:
    lines = [f"t=2026-10-01T10:00:00Z msg=m{at} k{at % 70}={at} k{at % 70}=again" for at in range(400)]
    lines += ['t=1790848800 msg="frequent" lvl=warn'] * 100
    rows = read(*lines)
    assert [row["message"] for row in rows] == [f"m{at}" for at in range(400)] + ["frequent"] * 100
    assert rows[69]["attributes"] == '{"k69":"69","k69_2":"again"}'
    assert {row["ts"] for row in rows} == {datetime(2026, 10, 1, 10, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("text", "level", "message"),
    [
        ("Error reading: no such file", None, "Error reading: no such file"),
        ("Alert manager started", None, "Alert manager started"),
        ("fine  tuning", None, "fine  tuning"),
        ("START processing", None, "START processing"),
        ("TEST failed", None, "TEST failed"),
        ("UTC now", None, "now"),
        ("error: no such file", "error", "no such file"),
        ("[Warning] low", "Warning", "low"),
        ("INFO hello", "INFO", "hello"),
        ("WARN", "WARN", ""),
        ("Informational", None, "Informational"),
        ("- -5 degrees", None, "-5 degrees"),
        ("-5 degrees", None, "-5 degrees"),
        ("| INFO | a | b", "INFO", "a | b"),
    ],
)
def test_a_word_of_a_sentence_is_neither_a_level_nor_a_zone(text: str, level: str | None, message: str) -> None:
    (row,) = read(f"2026-10-01 10:00:00 {text}")
    assert (row["ts"].hour, row["level"], row["logger"], row["message"]) == (10, level, None, message)


def test_postgresql_names_its_zone() -> None:
    (row,) = read("2026-10-01 10:00:00.123 CEST [42] LOG:  checkpoint starting", zone="Europe/Berlin")
    assert (row["ts"].hour, row["message"]) == (8, "checkpoint starting")
    assert json.loads(row["attributes"]) == {"pid": "42", "time_zone": "CEST"}


def test_a_time_of_day_alone_is_read_where_the_day_is_known() -> None:
    lines = ("23:59:59.872 [main] WARN  com.foo.Bar - entered", "00:00:01.000 odd")
    rows = read(*lines, day=date(2026, 10, 1))
    assert [(row["ts"].isoformat(), row["level"], row["logger"], row["message"]) for row in rows] == [
        ("2026-10-01T23:59:59.872000+00:00", "WARN", "com.foo.Bar", "entered"),
        ("2026-10-02T00:00:01+00:00", None, None, "odd"),
    ]
    assert [row["raw"] for row in read(*lines)] == ["\n".join(lines)]


NAMES = st.sampled_from(
    ["msg", "message", "level", "severity", "logger", "name", "service", "app", "trace_id", "host", "a", "b.c"]
)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(NAMES, WORDS, min_size=1))
def test_every_value_of_an_object_is_in_its_row(said: dict[str, str]) -> None:
    (row,) = read(json.dumps({"time": "2026-10-01T10:00:00Z", **said}, ensure_ascii=False), named="json")
    if row["attributes"] is None and not {"msg", "message"} & set(said):
        assert json.loads(row["message"]) == {"time": "2026-10-01T10:00:00Z", **said}
        return
    there = [*row.values(), *json.loads(row["attributes"] or "{}").values()]
    assert all(word in there for word in said.values())


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(NAMES, WORDS, min_size=1), st.sampled_from([1, 60]))
def test_every_value_of_logfmt_is_in_its_row(said: dict[str, str], times: int) -> None:
    def quoted(word: str) -> str:
        return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'

    line = "ts=2026-10-01T10:00:00Z " + " ".join(f"{name}={quoted(word)}" for name, word in said.items())
    for row in read(*[line] * times, named="logfmt"):
        if not {"msg", "message"} & set(said):
            assert row["message"] == line
            continue
        there = [*row.values(), *json.loads(row["attributes"] or "{}").values()]
        assert all(word in there for word in said.values())
