"""Where deliveries are kept: `<source>/<UTC hour>/<time>-<key>.json`, append-only, beside the landing store.

The time in a file's name is that of receipt, so a window's deliveries are found by their names alone. A file is whole
and on the disk when `put` returns.
"""

import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from upath import UPath

from include.errors import AlmanacError
from include.inbox.delivery import Delivery
from include.window import Grid, Window

HOUR = Grid.HOUR.step
FORGETS_BODIES = timedelta(minutes=5)
"""How long the same body without an id counts as the same delivery: senders try again within it."""
_NAME = "%Y%m%dT%H%M%S%fZ"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READERS = 8


class InboxError(AlmanacError):
    """The store of deliveries cannot do what it was asked."""


def inbox_beside(landing: str) -> str:
    """Return the address of the inbox that belongs to a landing store: beside it, so that no partition lies in it."""
    return f"{landing.rstrip('/')}-inbox"


class Inbox:
    """The deliveries of all sources on one store."""

    def __init__(self, store: str) -> None:
        self._root = UPath(store)
        self._turns = threading.Lock()

    def put(self, delivery: Delivery) -> bool:
        """Keep a delivery; return False where it is there already, and nothing was written.

        A delivery with an id is known again for an hour at least, one without for `FORGETS_BODIES`.
        Raises `InboxError` where the store cannot take it; nothing of it is kept then.
        """
        folder = self._folder(delivery.source, delivery.received)
        target = folder / f"{delivery.received.astimezone(UTC):{_NAME}}-{delivery.key}.json"
        try:
            with self._turns:  # of two equal deliveries at once in this process, one is stored
                if self._is_there(delivery):
                    return False
                folder.mkdir(parents=True, exist_ok=True)
                _write(target, delivery.to_json().encode())
        except OSError as error:
            room = "has no room" if error.errno in _FULL else f"does not take it ({error})"
            raise InboxError(
                f"A delivery to {delivery.source!r} was not kept: {self._root} {room}. Free space there or mend the "
                "store; the sender tries again."
            ) from error
        return True

    def read(self, source: str, window: Window) -> Iterator[Delivery]:
        """Yield the deliveries that a source received in a window, in order of receipt.

        A file that is not what was written comes out with its text in `broken`.
        """
        hour = Grid.HOUR.floor(window.start)
        with ThreadPoolExecutor(_READERS) as pool:
            while hour < window.end:
                named = [(at, path) for at, path in self._listed(source, hour) if at in window]
                texts = pool.map(lambda one: one[1].read_bytes().decode("utf-8", "replace"), named)
                for (at, _), text in zip(named, texts, strict=True):
                    yield Delivery.from_json(text, source, at)
                hour += HOUR

    def hours(self, source: str) -> list[datetime]:
        """Return the starts of the hours in which a source received something, oldest first."""
        home, found = self._root / source, []
        if not _is_local(home):
            home.fs.invalidate_cache(home.path)  # another process may have added an hour since it was listed
        for folder in _children(home):
            try:
                found.append(datetime.strptime(folder.name, "%Y%m%dT%H").replace(tzinfo=UTC))
            except ValueError:
                continue
        return sorted(found)

    def remove_before(self, moment: datetime) -> int:
        """Remove the hours that ended before a moment; return how many deliveries they held."""
        oldest = f"{Grid.HOUR.floor(moment):%Y%m%dT%H}"
        removed = 0
        for folder in (hour for source in _children(self._root) for hour in _children(source) if hour.name < oldest):
            for path in list(folder.iterdir()):
                path.unlink(missing_ok=True)
                removed += 1
            if folder.is_dir():
                folder.rmdir()
        return removed

    def _is_there(self, delivery: Delivery) -> bool:
        since = (
            Grid.HOUR.floor(delivery.received) - HOUR if delivery.delivery_id else delivery.received - FORGETS_BODIES
        )
        ending = f"-{delivery.key}.json"
        hour = Grid.HOUR.floor(since)
        while hour <= delivery.received:
            if any(at >= since for at, _ in self._listed(delivery.source, hour, ending)):
                return True
            hour += HOUR
        return False

    def _listed(self, source: str, hour: datetime, ending: str = ".json") -> list[tuple[datetime, UPath]]:
        """Return the deliveries of an hour whose files end so, with their times of receipt, in order."""
        folder = self._folder(source, hour)
        names = sorted(name for name in _names(folder) if name.endswith(ending))
        return [(at, folder / name) for name in names if (at := _time_of(name)) is not None]

    def _folder(self, source: str, moment: datetime) -> UPath:
        return self._root / source / f"{moment.astimezone(UTC):%Y%m%dT%H}"


def _time_of(name: str) -> datetime | None:
    """Return the time of receipt that a file's name says, or None for what is no delivery."""
    time, _, _ = name.partition("-")
    try:
        return datetime.strptime(time, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _names(folder: UPath) -> list[str]:
    """Return the names of a folder's files; of a folder that is not there, none."""
    try:
        if _is_local(folder):
            return os.listdir(folder)  # noqa: PTH208  of names alone: a folder may hold tens of thousands
        folder.fs.invalidate_cache(folder.path)  # another process may have added to what was listed before
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_local(path: UPath) -> bool:
    return path.protocol in {"", "file", "local"}


def _children(folder: UPath) -> list[UPath]:
    return [child for child in folder.iterdir() if child.is_dir()] if folder.is_dir() else []


def _write(target: UPath, content: bytes) -> None:
    """Write a file whole or not at all; on a disk of this machine, to the disk itself."""
    if not _is_local(target):
        target.write_bytes(content)
        return
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        folder = os.open(str(target.parent), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)
