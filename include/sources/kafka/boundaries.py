"""Where a window begins and ends in each partition of a topic, remembered so that a later read takes the same messages.

What is kept is the boundary between two windows: one small file per moment, with the offset of the first message after
it. The end of one window is the start of the next, so each message lies in exactly one window, also where windows are
read out of order, twice, or as days instead of hours.
"""

import json
import os
import secrets
from datetime import datetime

from upath import UPath

from include.sources.base import SourceAnswerInvalid, SourceUnavailable

Offsets = dict[int, int]


class Boundaries:
    """The boundaries that one feed keeps below a folder; without a folder nothing is kept."""

    def __init__(self, source: str, topic: str, state: str | None) -> None:
        self._source = source
        self._topic = topic
        self._folder = UPath(state) / topic if state else None

    def kept(self, moment: datetime) -> Offsets | None:
        """Return the offsets at which the window that begins at `moment` starts; None where none were kept.

        Raises `SourceAnswerInvalid` for a file that is not ours, `SourceUnavailable` where it cannot be read.
        """
        if self._folder is None:
            return None
        path = self._path(self._folder, moment)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable(path, error) from error
        try:
            return {int(partition): int(offset) for partition, offset in json.loads(text)["offsets"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceAnswerInvalid(
                f"Source {self._source!r}: {path} does not hold offsets ({error}). Remove it: the window is then found "
                "by time again."
            ) from error

    def keep(self, moment: datetime, offsets: Offsets) -> Offsets:
        """Keep offsets, unless some are kept for that moment already; return those that are kept.

        The file is whole or absent, and of two that write at once, on a disk, the first wins.
        """
        known = self.kept(moment)
        if known is not None or self._folder is None:
            return offsets if known is None else known
        path = self._path(self._folder, moment)
        in_order = {str(partition): offset for partition, offset in sorted(offsets.items())}
        text = json.dumps({"topic": self._topic, "time": moment.isoformat(), "offsets": in_order})
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if path.protocol in {"", "file", "local"}:
                part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
                part.write_text(text, encoding="utf-8")
                try:
                    os.link(str(part), str(path))
                except FileExistsError:
                    return self.kept(moment) or offsets
                finally:
                    part.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise self._unavailable(path, error) from error
        return offsets

    @staticmethod
    def _path(folder: UPath, moment: datetime) -> UPath:
        return folder / _name(moment)

    def _unavailable(self, path: UPath, error: OSError) -> SourceUnavailable:
        return SourceUnavailable(
            f"Source {self._source!r}: {path}, where it keeps its offsets, cannot be used ({error}). Check that the "
            "store is there and may be written."
        )


def forget_before(state: str, moment: datetime) -> int:
    """Forget the boundaries of a feed before a moment; return how many. Those windows are then found by time again."""
    root = UPath(state)
    folders = [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
    old = [path for folder in folders for path in folder.glob("*.json") if path.name < _name(moment)]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _name(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S.%fZ}.json"
