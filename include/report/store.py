"""Documents on any universal_pathlib store, with an index by report and month: what the pages are served from.

    <store>/<name>/documents/<id>.json      one document
    <store>/<name>/pages/<id>.json          the same with its long tables cut, where it has any
    <store>/<name>/index/<YYYY-MM>.json     entries of the windows that end in that month, newest first

Ids are stable, so building a window again replaces its document. A local write is atomic (a temporary file, renamed);
an object store's is by nature. Writers of one index take turns on a local store by a lock beside it; on an object store
one writer per report name is assumed, and `rebuild` makes the index anew from the documents.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError
from upath import UPath

from include.errors import AlmanacError
from include.report.document import Document, Level
from include.report.figures import local_day

_ID = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class DocumentMissingError(AlmanacError):
    """A document that is not in the store, or an id or name that none can have."""


class DocumentDamagedError(AlmanacError):
    """A stored file that is no document."""


class Entry(BaseModel):
    """What a list says of one document."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str
    title: str
    audience: str
    time_zone: str
    window_start: AwareDatetime
    window_end: AwareDatetime
    level: Level
    verdict: str

    @property
    def local_day(self) -> date:
        """The day, in the audience's zone, on which the window ended."""
        return local_day(self.window_end, self.time_zone)


_ENTRIES = TypeAdapter(list[Entry])


class Store:
    """Documents under one URL or folder."""

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _root(self) -> UPath:
        return UPath(self._url)

    def write(self, document: Document) -> Entry:
        """Write a document and list it; the same name, audience and window replace what was there."""
        entry = _entry(document)
        folder = self._root / document.name
        _replace(folder / "documents" / f"{document.id}.json", document.to_json())
        short, page = document.short(), folder / "pages" / f"{document.id}.json"
        if short is not document:
            _replace(page, short.to_json())
        else:
            page.unlink(missing_ok=True)
        month = folder / "index" / f"{document.window_end:%Y-%m}.json"
        with _turns(month):
            others = [other for other in _read_index(month) if other.id != entry.id]
            _replace(month, _ENTRIES.dump_json(_newest_first([*others, entry])))
        return entry

    def read(self, name: str, document_id: str) -> Document:
        """Return a document; raises `DocumentMissingError` or `DocumentDamagedError`."""
        return self._read(name, document_id, ("documents",))

    def read_page(self, name: str, document_id: str) -> Document:
        """Return a document as a page shows it, which is quick however long its tables are; raises as `read`."""
        return self._read(name, document_id, ("pages", "documents"))

    def _read(self, name: str, document_id: str, folders: tuple[str, ...]) -> Document:
        if not _NAME.fullmatch(name) or not _ID.fullmatch(document_id):
            raise DocumentMissingError("No report has such an address. Choose one from the list of reports.")
        for folder in folders:
            try:
                return Document.from_json((self._root / name / folder / f"{document_id}.json").read_bytes())
            except FileNotFoundError:
                continue
            except ValidationError as error:
                raise DocumentDamagedError(
                    f"The stored report {name} {document_id} cannot be read ({error.error_count()} faults). "
                    f"Build it again for its window."
                ) from None
        raise DocumentMissingError(
            f"The report {name} {document_id} is not stored (any more). Choose another from the list of reports."
        )

    def names(self) -> list[str]:
        """Return the names of all reports that have documents."""
        if not self._root.exists():
            return []
        return sorted(path.name for path in self._root.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())

    def entries(self, name: str, most: int = 200) -> list[Entry]:
        """Return the newest entries of a report, at least `most` where there are so many, newest first."""
        found: list[Entry] = []
        for month in self._months(name):
            found += _read_index(month)
            if len(found) >= most:
                break
        return found

    def entries_about(self, name: str, day: date) -> list[Entry]:
        """Return the entries of the months around a day, newest first."""
        wanted = f"{day:%Y-%m}"
        months = list(self._months(name))
        places = [place for place, month in enumerate(months) if month.stem <= wanted]
        first = places[0] if places else len(months)
        return [entry for month in months[max(0, first - 1) : first + 2] for entry in _read_index(month)]

    def latest(self, name: str, audience: str, before: datetime | None = None) -> Entry | None:
        """Return the newest entry of a report and audience, of windows that end before a moment if one is given."""
        for month in self._months(name):
            for entry in _read_index(month):
                if entry.audience == audience and (before is None or entry.window_end < before):
                    return entry
        return None

    def previous(self, document_name: str, audience: str, window_end: datetime) -> Document | None:
        """Return the document before a window, to compare with; None where it is missing or damaged."""
        entry = self.latest(document_name, audience, before=window_end)
        try:
            return self.read(entry.name, entry.id) if entry else None
        except (DocumentMissingError, DocumentDamagedError):
            return None

    def rebuild(self, name: str) -> int:
        """Make the index of a report anew from its documents; return how many it lists."""
        entries = [
            _entry(Document.from_json(path.read_bytes())) for path in (self._root / name / "documents").glob("*.json")
        ]
        for month in {f"{entry.window_end:%Y-%m}" for entry in entries}:
            path = self._root / name / "index" / f"{month}.json"
            with _turns(path):
                own = [entry for entry in entries if f"{entry.window_end:%Y-%m}" == month]
                _replace(path, _ENTRIES.dump_json(_newest_first(own)))
        return len(entries)

    def _months(self, name: str) -> list[UPath]:
        if not _NAME.fullmatch(name):
            return []
        folder = self._root / name / "index"
        return sorted(folder.glob("*.json"), key=lambda path: path.name, reverse=True) if folder.exists() else []


def _entry(document: Document) -> Entry:
    return Entry(
        id=document.id,
        name=document.name,
        title=document.title,
        audience=document.audience,
        time_zone=document.time_zone,
        window_start=document.window_start,
        window_end=document.window_end,
        level=document.verdict.level,
        verdict=document.verdict.text,
    )


def _newest_first(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.window_end, entry.window_start, entry.audience), reverse=True)


def _read_index(path: UPath) -> list[Entry]:
    try:
        return _ENTRIES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []


def _local(path: UPath) -> Path | None:
    return Path(str(path)) if path.protocol in {"", "file"} and not str(path).startswith("file:") else None


def _replace(path: UPath, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    local = _local(path)
    if local is None:
        path.write_bytes(content)
        return
    with NamedTemporaryFile(dir=local.parent, prefix=f".{local.name}.", delete=False) as draft:
        draft.write(content)
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).replace(local)


@contextmanager
def _turns(path: UPath) -> Iterator[None]:
    """Let one process at a time change an index on a local store."""
    path.parent.mkdir(parents=True, exist_ok=True)
    local = _local(path)
    if local is None:
        yield
        return
    with (local.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
