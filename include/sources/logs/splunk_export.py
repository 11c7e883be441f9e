"""The stream of a Splunk export: rows, previews and messages, one JSON object on a line.

Splunk answers 200 before it knows how the search ends. So a search that failed half-way looks like one that ended,
but for a message in the stream or for the mark of the last row, which is then missing.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from include.http import AnswerInvalid, Rejected, Unavailable
from include.sources.logs.records import canonical, record_in

_PART = re.compile(
    r"(?i)incomplete|partial results|truncat|auto-?finali[sz]|timed? ?out|maxout|unable to distribute|"
    r"peers? .*(down|fail)|(reached|exceeded|over) .*(limit|quota|maximum)|(limit|quota|maximum) .*(reached|exceeded)"
)
"""What Splunk says, as whatever type of message, of results that are not whole."""
_OTHER_TIMES = re.compile(r"(?i)time ?range was substituted")
_ONLY_FIELDS = re.compile(r"(?i)could not (load|find|construct) lookup")
"""Said as an error of each search where an automatic lookup is broken; the events are whole without it."""
_ADVICE = "Run the search in Splunk and look at its job, or ask again"


class Export:
    """Reads one export; `warnings` are what Splunk said that does not spoil its result."""

    def __init__(self, lines: Iterable[bytes], where: str) -> None:
        self._lines = lines
        self._where = where
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[dict[str, Any] | str]:
        """Yield each event as its fields, a line that is none as its text.

        Raises `Unavailable` where rows or the last one are missing, `AnswerInvalid` where the search failed or says
        that its results are not whole, `Rejected` where it searched another time.
        """
        whole, first, expected = False, True, 0
        for line in self._lines:
            said = record_in(line)
            if isinstance(said, str):
                if first:
                    raise AnswerInvalid(
                        self._where,
                        f"answered with text that is no JSON: {said[:80]!r}",
                        "Check that url is that of the management port, 8089 as a rule",
                    )
                yield said
                continue
            first = False
            self._heed(said.get("messages"))
            if said.get("preview"):
                continue
            whole = said.get("lastrow") is True
            if "result" not in said:
                if not whole and "messages" not in said:
                    yield canonical(said)
                continue
            expected = self._counted(said.get("offset"), expected)
            result = said["result"]
            yield result if isinstance(result, dict) else canonical(said)
        if not whole:
            raise Unavailable(
                self._where,
                "ended without its last row: the search failed, or something cut its answer",
                _ADVICE,
            )

    def _counted(self, offset: Any, expected: int) -> int:
        """Return the offset of the next row; each set of results counts from zero."""
        if not isinstance(offset, int):
            return expected + 1
        if offset > expected:
            raise Unavailable(self._where, f"left out rows {expected:,} to {offset - 1:,}", _ADVICE)
        return offset + 1

    def _heed(self, messages: Any) -> None:
        for message in messages if isinstance(messages, list) else []:
            if not isinstance(message, dict):
                continue
            kind, text = str(message.get("type")).upper(), str(message.get("text"))
            if _OTHER_TIMES.search(text):
                raise Rejected(
                    self._where, f"searched another time ({text})", "Take earliest and latest out of the feed's expr"
                )
            if kind in {"FATAL", "ERROR"} and not _ONLY_FIELDS.search(text):
                raise AnswerInvalid(self._where, f"failed: {text}", _ADVICE)
            if kind != "DEBUG" and _PART.search(text):
                raise AnswerInvalid(self._where, f"gave a part of its results: {text}", _ADVICE)
            if kind in {"WARN", "ERROR"} and text not in self.warnings:
                self.warnings.append(text)
