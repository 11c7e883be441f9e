"""The template of a log message: its constant words, with `<*>` in place of everything that varies.

The text of a template is a function of the message alone, so the same message has the same template in every window,
on every machine and whatever else was logged. First every word that holds a digit becomes `0`, which makes a few
hundred texts of a million; only these distinct ones pass the other masks.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.window import stable_hash

WILDCARD = "<*>"
LONGEST = 600
"""Characters of a template; what is beyond does not tell templates apart."""

_LINES = (r"(?s)^\s*([^\n]+)\n(?:.*\n)?([^\n]*?)\s*$", r"\1 … \2")
"""Of a text of several lines, such as a stack trace, the first and the last say what happened."""
_DIGITS = (r"[A-Za-z]*[0-9][0-9A-Za-z]*", "0")
_APART = r"\s,;()\[\]{}=|\"'<>"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_TEXT_KEYS = "msg|message|err|error|reason|cause|exception|detail|details|description"
"""What stands in quotes after these is a text with words of its own; after others it is a value."""
_MASKS = (
    (r"\s+", " "),
    (rf'(?i)\b({_TEXT_KEYS})="((?:[^"\\]|\\.)*)"', r"\1: \2;"),
    (r'"(?:[^"\\]|\\.)*"', '"<*>"'),
    (r"(^|[\s=:(,\[{])'[^']*'", r"\1'<*>'"),
    (r"<[a-z][a-z_]{1,20}>", WILDCARD),
    (r"\b[A-Za-z][A-Za-z0+.-]{1,20}://[^\s\"'<>,;)\]}]+", WILDCARD),
    (r"(^|[\s=:(,\[{<>])(?:[A-Za-z]:\\|\\\\|~?/)[^\s\"'<>,;:()\[\]{}=|]+", r"\1<*>"),
    (rf"(?:\b{_DAY},? )?(?:\b{_MONTH} 0\b|\b0[ /-]{_MONTH}\b)(?:,? 0)?", "0"),
    (r"([\w.-]=)[\w$.]*\{[^{}]*\}", r"\1<*>"),
    (r"([\w.-]=)[^\s,;()\[\]{}|\"'<>=]+", r"\1<*>"),
    (r"([\w.-]=)($|[\s,;)\]}])", r"\1<*>\2"),
    (r"\(\)", "(<*>)"),
    (r"\b(?:true|false)\b", WILDCARD),
    (r"(?i)\b((?:for|by|of|as|invalid|unknown|illegal) user )[A-Za-z_][\w.$@-]*", r"\1<*>"),
    (r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|edu|gov|mil|info|internal|local)($|[\s)\],;:/])", r"<*>\1"),
    (r"\b[A-Fa-f]{8,}\b", "0"),
    (r"\b0 ?(?:[kKMGT]i?)?B\b", "0"),
    (rf"[^{_APART}]*0(?:[^{_APART}]*[\w%])?", WILDCARD),
    (r"(?:[\w.$]+[.:/@#_-]|[.:/@#_+-])?<\*>(?:[.:/@#_-]+(?:<\*>|[\w$]+))*", WILDCARD),
    (r"<\*>(?:,? ?<\*>)+", WILDCARD),
)


@dataclass(frozen=True)
class Templates:
    """The templates of a column: the distinct ones, their ids, and which of them each message has."""

    texts: pa.Array
    ids: pa.Array
    codes: pa.Array


def templates_of(messages: pa.Array) -> Templates:
    """Return the templates of messages; a null one counts as empty."""
    skeletons = pc.replace_substring_regex(_one_line(messages.fill_null("")), *_DIGITS).dictionary_encode()
    texts = skeletons.dictionary
    for pattern, replacement in _MASKS:
        texts = pc.replace_substring_regex(texts, pattern, replacement)
    texts = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(texts), 0, LONGEST).dictionary_encode()
    ids = pa.array([template_id(text) for text in texts.dictionary.to_pylist()], pa.int64())
    return Templates(texts.dictionary, ids, texts.indices.take(skeletons.indices))


def template_of(message: str) -> str:
    """Return the template of one message.

    >>> template_of("Received block blk_-16089 of size 91178 from /10.250.10.6")
    'Received block <*> of size <*> from <*>'
    """
    text: str = templates_of(pa.array([message], pa.string())).texts[0].as_py()
    return text


def template_id(text: str) -> int:
    """Return the id of a template: a hash of its text, signed 64 bits, the same on every machine."""
    return stable_hash("template", text)


def _one_line(messages: pa.Array) -> pa.Array:
    several = pc.match_substring(messages, "\n")
    if not pc.any(several).as_py():
        return messages
    return pc.replace_with_mask(messages, several, pc.replace_substring_regex(messages.filter(several), *_LINES))
