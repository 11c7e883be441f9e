"""How bad a log line is: the words and numbers of every source → TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or null.

Words are looked up once for each distinct one, so the cost is that of the distinct words. A line whose source gives no
level, or one that nobody knows, is asked itself: many programs write their level into the text.

Numbers overlap between systems. Here 0 to 7 is syslog (0 is the worst), tens from 10 to 60 are pino and bunyan (not
Python, which writes names), 9, 13, 17 and 21 are OpenTelemetry, and three digits are an HTTP status or Google's scale,
which agree (500 is an error in both).
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import LABELS

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
"""From the most talkative to the worst."""

_SAID = {
    "TRACE": "trace trc verbose vrb finest finer silly all t v vv",
    "DEBUG": "debug dbg dbug fine config d debugging",
    "INFO": "info inf information informational notice note log ok success i n notif audit hint "
    "statement detail system",
    "WARN": "warn warning wrn warnings w",
    "ERROR": "error err eror errors severe failure fail failed exception e",
    "FATAL": "fatal ftl critical crit emergency emerg panic pnc dpanic alert disaster f c p",
}
_NUMBERS = {
    "TRACE": "10",
    "DEBUG": "7 20 100",
    "INFO": "5 6 9 30",
    "WARN": "4 13 40",
    "ERROR": "3 17 50",
    "FATAL": "0 1 2 21 60 600 700 800",
}
_LEVEL_OF = {word: level for table in (_SAID, _NUMBERS) for level, words in table.items() for word in words.split()}
_TRIMMED = re.compile(r"[^\W_]+(?:[ _-][^\W_]+)*")
_NUMBERED = re.compile(r"(trace|debug|info|warn|error|fatal|d)[1-5]")

_WORDS = (
    "trace|debug|dbg|info|information|notice|warn|warning|wrn|err|error|severe|"
    "crit|critical|fatal|panic|emerg|emergency"
)
_INSIDE = (
    # level=warn, "severity": "INFO", \"lvl\":30
    rf'(?i)\b(?:log_?)?(?:level|severity|lvl)\\?"?\s{{0,3}}[=:]\s{{0,3}}\\?"?(?P<level>{_WORDS}|trc|inf|ftl|[0-7]|[1-6]0)\b',
    # 2026-10-01 10:00:00 INFO main - …, and [core:error]
    rf"(?:^|[\s|\[(<])(?:[a-z_0-9]+:)?(?P<level>{_WORDS.upper()}|INF|TRC|FTL)(?:[\s|\])>:,]|$)",
    rf"(?i)[\[(<](?:[a-z_0-9]+:)?(?P<level>{_WORDS})[\])>]",
    # klog, glog: E1001 10:00:00.000000
    r"^(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d",
    rf"(?i)^(?P<level>{_WORDS})(?: ?:|\]| -) ?",
    r"^(?P<level>panic|fatal)(?: error)?: ",
)
_FAILED = (
    r"^(?:Traceback \(most recent call last\)|Exception in thread |Caused by: |(?:[\w$]+\.)*\w*(?:Exception|Error): )"
)
_LOOK_AT = 4096
"""Bytes of a message that are searched for its level."""


def normalised_levels(level: pa.Array | pa.ChunkedArray, message: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the level of each line as one of `LEVELS`, dictionary-encoded, null where nothing tells.

    `level` is what the source says, text or number, plain or dictionary-encoded; where it is null, empty or unknown,
    `message` is searched. Both have the same length.
    """
    said = level_words(level)
    missing = said.is_null()
    if len(said) and pc.any(missing).as_py():
        inside = _inside(_flat(message).filter(missing))
        said = pc.replace_with_mask(said.cast(pa.string()), missing, inside)
    return said.cast(pa.string()).dictionary_encode().cast(LABELS)


def level_words(level: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the level that each word or number means, dictionary-encoded; null where it is none.

    >>> level_words(pa.array(["Warning", "3", "kern.err", "[I]", "banana", None])).to_pylist()
    ['WARN', 'ERROR', 'ERROR', 'INFO', None, None]
    """
    flat = _flat(level)
    if not pa.types.is_dictionary(flat.type):
        flat = flat.cast(pa.string()).dictionary_encode()
    means = pa.array([_level_of(word) for word in flat.dictionary.cast(pa.string()).to_pylist()], pa.string())
    return means.take(flat.indices).dictionary_encode().cast(LABELS)


def status_levels(status: pa.Array) -> pa.Array:
    """Return the level of each HTTP status, given as text: 5xx is ERROR, 4xx WARN, 1xx to 3xx INFO, else null."""
    first = pc.if_else(pc.match_substring_regex(status, r"^[1-5]\d\d$"), pc.utf8_slice_codeunits(status, 0, 1), None)
    return pc.replace_substring_regex(
        pc.replace_substring_regex(pc.replace_substring_regex(first, "^[123]$", "INFO"), "^4$", "WARN"), "^5$", "ERROR"
    )


def _level_of(word: str | None) -> str | None:
    """Return the level that one word means.

    `kern.err`, `core:error` and `LogLevel.ERROR` end with it, and `WARN2` or `DEBUG5` only count on.
    """
    if word is None or len(word) > 64:
        return None
    found = _TRIMMED.findall(word.lower())
    for text in (found[-1], found[0]) if found else ():
        if (level := _LEVEL_OF.get(text)) is not None:
            return level
        if numbered := _NUMBERED.fullmatch(text):
            return _LEVEL_OF[numbered[1]]
        if len(text) == 3 and text.isascii() and text.isdigit() and "100" < text < "600":
            return {"4": "WARN", "5": "ERROR"}.get(text[0], "INFO")
        if " " in text and (level := _LEVEL_OF.get(text.split()[-1])) is not None:
            return level
    return None


def _inside(message: pa.Array) -> pa.Array:
    """Return the level that each message says of itself; where it says several, the most deliberate form counts."""
    message = message.cast(pa.string())
    if (pc.max(pc.binary_length(message)).as_py() or 0) > _LOOK_AT:
        message = pc.utf8_slice_codeunits(message, 0, _LOOK_AT)
    codes = np.full(len(message), -1)
    rows, texts = np.arange(len(message)), message
    for pattern in _INSIDE:
        hit = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
        if pc.any(hit).as_py():
            words = pc.extract_regex(texts.filter(hit), pattern).field("level")
            found = pc.index_in(level_words(words).cast(pa.string()), pa.array(LEVELS))
            codes[rows[hit.to_numpy(zero_copy_only=False)]] = pc.fill_null(found, -1).to_numpy()
            left = codes[rows] < 0  # the others need no further pattern
            rows, texts = rows[left], texts.filter(pa.array(left))
    failed = pc.fill_null(pc.match_substring_regex(texts, _FAILED), False).to_numpy(zero_copy_only=False)
    codes[rows[failed]] = LEVELS.index("ERROR")
    return pa.array(LEVELS).take(pa.array(codes, mask=codes < 0))


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
