"""Levels: what each system calls them, and what is found in a line whose source gives none."""

import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.datasets import LABELS
from include.parse.levels import LEVELS, level_words, normalised_levels, status_levels


def level(word: str | None, message: str | None = None) -> str | None:
    return normalised_levels(pa.array([word], pa.string()), pa.array([message], pa.string())).to_pylist()[0]


@pytest.mark.parametrize(
    ("system", "words", "expected"),
    [
        ("syslog", "0 1 2 3 4 5 6 7", "FATAL FATAL FATAL ERROR WARN INFO INFO DEBUG"),
        ("syslog", "emerg alert crit err warning notice info debug", "FATAL FATAL FATAL ERROR WARN INFO INFO DEBUG"),
        ("selector", "kern.err daemon.info local0.notice", "ERROR INFO INFO"),
        ("log4j", "TRACE DEBUG INFO WARN ERROR FATAL", "TRACE DEBUG INFO WARN ERROR FATAL"),
        ("java", "FINEST FINER FINE CONFIG INFO WARNING SEVERE", "TRACE TRACE DEBUG DEBUG INFO WARN ERROR"),
        ("klog", "I W E F", "INFO WARN ERROR FATAL"),
        ("android", "V D I W E F", "TRACE DEBUG INFO WARN ERROR FATAL"),
        ("python", "DEBUG INFO WARNING ERROR CRITICAL", "DEBUG INFO WARN ERROR FATAL"),
        ("pino", "10 20 30 40 50 60", "TRACE DEBUG INFO WARN ERROR FATAL"),
        ("opentelemetry", "DEBUG2 INFO4 WARN3 9 13 17 21", "DEBUG INFO WARN INFO WARN ERROR FATAL"),
        ("google", "100 200 300 400 500 600 700 800", "DEBUG INFO INFO WARN ERROR FATAL FATAL FATAL"),
        ("http", "101 204 304 404 503", "INFO INFO INFO WARN ERROR"),
        ("zerolog", "TRC DBG INF WRN ERR FTL PNC", "TRACE DEBUG INFO WARN ERROR FATAL FATAL"),
        ("postgres", "DEBUG5 LOG NOTICE WARNING ERROR FATAL PANIC", "DEBUG INFO INFO WARN ERROR FATAL FATAL"),
        ("apache", "core:error mpm_event:notice [warn]", "ERROR INFO WARN"),
        (".NET", "Trace Debug Information Warning Error Critical", "TRACE DEBUG INFO WARN ERROR FATAL"),
        ("decorated", "<6> INFO: (Warn) LogLevel.ERROR", "INFO INFO WARN ERROR"),
    ],
)
def test_the_words_and_numbers_of_each_system(system: str, words: str, expected: str) -> None:
    assert level_words(pa.array(words.split())).to_pylist() == expected.split()


@pytest.mark.parametrize("word", ["banana", "", "  ", "-", "8", "42", "999", "99999", "²00", None, "x" * 100_000])
def test_what_nobody_knows_is_null(word: str | None) -> None:
    assert level(word, "the banana is ripe") is None


def test_windows_audit_failures_are_errors() -> None:
    assert level("Audit Failure") == "ERROR"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("22:50:27.436 INFO  o.s.OrderServiceImpl#365 TraceID: f8834 [getOrderById]", "INFO"),
        ("2015-10-18 18:01:47,978 WARN [main] org.apache.hadoop.Foo: all ERROR text later", "WARN"),
        ('{"timestamp": "x", "severity": "INFO", "message": "ERROR rate is fine"}', "INFO"),
        ('{"log":"{\\"message\\":\\"ok\\",\\"severity\\":\\"warning\\"}"}', "WARN"),
        ('{"level":50,"msg":"boom"}', "ERROR"),
        ("time=x level=debug msg=hello", "DEBUG"),
        ("log_level=fatal", "FATAL"),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6", "ERROR"),
        ("[Sun Dec 04 04:47:44 2005] [core:crit] no", "FATAL"),
        ("E1001 10:00:00.000000       1 main.go:1] lost", "ERROR"),
        ("error: cannot open", "ERROR"),
        ("Warning: deprecated", "WARN"),
        ("panic: runtime error: index out of range", "FATAL"),
        ("Traceback (most recent call last):\n  File", "ERROR"),
        ("java.lang.NullPointerException: x\n\tat a.b(C.java:1)", "ERROR"),
        ("ValueError: bad", "ERROR"),
        ("PacketResponder 1 for block blk_38 terminating", None),
        ("no errors were found, all information is there", None),
        ("level of the sea", None),
        ("ERRORS=0 INFORMATION", "INFO"),
        ("", None),
        (None, None),
    ],
)
def test_a_line_without_a_level_is_asked_itself(message: str | None, expected: str | None) -> None:
    assert level(None, message) == expected


def test_what_the_source_says_wins_over_what_the_line_says() -> None:
    assert level("info", "ERROR something") == "INFO"
    assert level("banana", "ERROR something") == "ERROR"


def test_columns_of_any_kind_are_taken() -> None:
    said = pa.chunked_array([pa.array(["info", None]).dictionary_encode(), pa.array(["err", ""]).dictionary_encode()])
    lines = pa.chunked_array([pa.array(["a", "b", "c"]), pa.array(["WARN d"])])
    assert normalised_levels(said, lines).to_pylist() == ["INFO", None, "ERROR", "WARN"]
    assert normalised_levels(pa.array([3, 30, None]), lines[:3]).to_pylist() == ["ERROR", "INFO", None]
    nothing = normalised_levels(pa.nulls(2, LABELS), pa.nulls(2, pa.string()))
    assert nothing.type == LABELS
    assert nothing.to_pylist() == [None, None]
    assert len(normalised_levels(pa.array([], LABELS), pa.array([], pa.string()))) == 0


def test_the_level_of_an_http_status() -> None:
    codes = pa.array(["200", "301", "404", "503", "099", "2000", "abc", None])
    assert status_levels(codes).to_pylist() == ["INFO", "INFO", "WARN", "ERROR", None, None, None, None]


def test_half_a_million_lines_take_seconds() -> None:
    words = pa.array(["info", "WARN", None, "error"] * 125_000).dictionary_encode()
    lines = pa.array(["10:00 INFO a line of the usual length that says nothing of interest to anybody"] * 500_000)
    began = time.perf_counter()
    assert len(normalised_levels(words, lines)) == 500_000
    assert time.perf_counter() - began < 5


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.text(max_size=12), st.none() | st.text(max_size=80))))
def test_any_text_gives_one_of_the_levels_or_null(rows: list[tuple[str | None, str | None]]) -> None:
    said, lines = (pa.array([row[at] for row in rows], pa.string()) for at in (0, 1))
    found = normalised_levels(said, lines)
    assert len(found) == len(rows)
    assert set(found.to_pylist()) <= {*LEVELS, None}
