"""Syslog in files: RFC 3164 (no year, no zone), RFC 5424, and the ISO-time form of rsyslog and journald.

The program is the service; the priority, where a file has it, gives the level. Lines without a program, such as
"last message repeated 2 times", are of this form too.
"""

from include.parse.line_format import PatternFormat, Texts, looked_up, without
from include.parse.moments import BSD, ISO

_PRIORITY = r"(?:<(?P<priority>\d{1,3})>)"
# In brackets after it, macOS names the process that it writes about.
_PROGRAM = r"(?P<service>[^\s:\[\]]+)(?:\[(?P<pid>[^\]\s]*)\])?(?: \((?P<about>[^)]*)\))?"
_ELEMENT = r'\[[^\s\]="]+(?: [^\s\]="]+="(?:[^"\\\]]|\\.)*")*\]'
_SEVERITIES = {str(priority): str(priority % 8) for priority in range(192)}


def _levels(texts: Texts) -> Texts:
    """Turn the priority into the level: facility times eight, plus severity (RFC 5424, 6.2.1)."""
    return {**texts, "level": looked_up(texts["priority"], _SEVERITIES)}


def _levels_and_nothing(texts: Texts) -> Texts:
    """Do so, and take away the dashes that RFC 5424 writes for nothing."""
    return {name: without(text, "-") if name != "message" else text for name, text in _levels(texts).items()}


RFC5424 = PatternFormat(
    "RFC 5424",
    rf"^{_PRIORITY}[1-9]\d{{0,2}} {ISO.pattern} (?P<host>\S+) (?P<service>\S+) (?P<pid>\S+) (?P<msgid>\S+) "
    rf"(?P<data>-|(?:{_ELEMENT})+)(?: (?:\x{{FEFF}})?(?P<message>.*))?$",
    ISO,
    _levels_and_nothing,
)
RFC3164 = PatternFormat(
    "RFC 3164", rf"^{_PRIORITY}?{BSD.pattern} (?P<host>\S+) {_PROGRAM}: (?P<message>.*)$", BSD, _levels
)
# A pattern of its own, because an optional program makes RE2 four times slower.
RFC3164_BARE = PatternFormat(
    "RFC 3164 without a program",
    rf"^{_PRIORITY}?{BSD.pattern} (?P<host>\S+) (?:{_PROGRAM}:)?(?P<message>.*)$",
    BSD,
    _levels,
)
# Only with a process number: without one, "… Error reading: no such file" would have a host called Error.
WITH_ISO_TIME = PatternFormat(
    "syslog with an ISO time",
    rf"^{_PRIORITY}?(?P<ts>\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<frac>\d{{1,9}}))?(?P<zone>Z|[+-]\d\d:?\d\d) "
    r"(?P<host>\S+) (?P<service>[^\s:\[\]]+)\[(?P<pid>\d+)\]: (?P<message>.*)$",
    ISO,
    _levels,
)
