"""The champion on this machine's disk, so that scoring goes on when MLflow does not, and need not fetch it each time.

Under `folder`: one folder per model and version with its two files, and `champion.json` with the version that MLflow
last named. A champion that cannot be loaded (damaged, or written by a newer Almanac) is replaced, until it can be, by
the last one that could. Whatever is not the champion as MLflow names it now is said in `note`.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.base import ModelError
from models.registry import Registry, RegistryUnavailableError, Version
from models.store import load

KEPT = 3  # versions of a model on this disk


@dataclass(frozen=True)
class Champion:
    """The model that scores, its version, and what is unusual about it (empty when nothing is)."""

    model: Any
    version: Version
    note: str = ""


@dataclass(frozen=True)
class Shelf:
    """Champions of the MLflow at `url`, kept in `folder`."""

    url: str
    folder: Path

    def champion(self, name: str) -> Champion:
        """Return the champion of a registered model.

        Raises `NotTrainedError` where none was ever made, `RegistryUnavailableError` when MLflow does not answer and
        nothing is on the shelf, `ModelError` when the champion cannot be loaded and neither can one before it.
        """
        registry = Registry(self.url, name)
        try:
            version = registry.must_have_champion()
        except RegistryUnavailableError as error:
            return self._kept(name, error)
        try:
            model = self._fetched(registry, version)
        except RegistryUnavailableError as error:
            return self._kept(name, error)
        except ModelError as error:
            return self._one_before(name, version, error)
        self._remember(name, version)
        return Champion(model, version)

    def _fetched(self, registry: Registry, version: Version) -> Any:
        place = self.folder / registry.name / version.number
        if place.is_dir():
            try:
                return load(place)
            except ModelError:
                shutil.rmtree(place, ignore_errors=True)  # a damaged copy: the registry has the original
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetch-") as work:
            files = registry.download(version.number, Path(work))
            model = load(files)
            try:
                os.rename(files, place)  # noqa: PTH104  only this one call moves it whole or not at all
            except OSError:  # another task was first
                return model
        return model

    def _remember(self, name: str, version: Version) -> None:
        if self._last(name) == version:
            return
        told = self.folder / name / f".champion-{os.getpid()}.json"
        told.write_text(json.dumps(asdict(version)))
        told.replace(self.folder / name / "champion.json")
        mine = sorted(self._versions(name), key=lambda place: place.stat().st_mtime, reverse=True)
        for place in mine[KEPT:]:
            if place.name != version.number:
                shutil.rmtree(place, ignore_errors=True)

    def _last(self, name: str) -> Version | None:
        try:
            return Version(**json.loads((self.folder / name / "champion.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _versions(self, name: str) -> Iterator[Path]:
        home = self.folder / name
        return (place for place in home.iterdir() if place.name.isdigit()) if home.is_dir() else iter(())

    def _kept(self, name: str, error: RegistryUnavailableError) -> Champion:
        last = self._last(name)
        if last is None:
            raise error
        model = load(self.folder / name / last.number)
        return Champion(
            model, last, f"{error} Scoring goes on with version {last.number}, the champion when it last did."
        )

    def _one_before(self, name: str, version: Version, error: ModelError) -> Champion:
        last = self._last(name)
        if last is None or last.number == version.number:
            raise error
        model = load(self.folder / name / last.number)
        return Champion(
            model, last, f"Champion {version.number} of {name} cannot be loaded: {error} Version {last.number} scores."
        )
