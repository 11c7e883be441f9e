"""One table for every scale of severity: what systems call it → INFO, LOW, MEDIUM, HIGH, CRITICAL, and 1 to 5.

Five is the worst. Priorities count the other way round (P1, SEV1 and a bare 1 are the worst), as incident tools do.
"""

from enum import IntEnum

from include.errors import PermanentError


class UnknownSeverityError(PermanentError):
    """A word that is on no scale of severity."""


class Severity(IntEnum):
    """How bad something is; the number is the platform's own scale."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


_SAID = {
    Severity.CRITICAL: "critical crit fatal emergency page disaster blocker highest p1 sev1 sev-1 1",
    Severity.HIGH: "high error major urgent p2 sev2 sev-2 2",
    Severity.MEDIUM: "medium warning warn moderate average p3 sev3 sev-3 3",
    Severity.LOW: "low minor ticket p4 sev4 sev-4 4",
    Severity.INFO: "info informational information notice debug none unknown lowest trivial p5 sev5 sev-5 5",
}
SEVERITIES = {word: severity for severity, words in _SAID.items() for word in words.split()}
"""Every word in use, in lower case; one that is not here is a typing error or needs a mapping in the source."""


def severity_of(word: str) -> Severity:
    """Return the severity that a system means by `word`, whatever its case and spaces.

    >>> severity_of(" SEV2 ").name, int(severity_of("warning"))
    ('HIGH', 3)

    Raises `UnknownSeverityError` for a word that is on no scale.
    """
    found = SEVERITIES.get(word.strip().lower())
    if found is None:
        raise UnknownSeverityError(f"{word!r} is no severity. Use one of {', '.join(SEVERITIES)}, or map it to one.")
    return found
