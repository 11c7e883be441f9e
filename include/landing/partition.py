"""A landed partition: where it is, what its manifest says, how it is read, listed and removed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from include.datasets import Scope
from include.errors import AlmanacError, PermanentError
from include.landing.names import quoted
from include.window import Window, parse_time

MANIFEST = ".manifest.json"
DATA = ".parquet"


class LandingError(AlmanacError):
    """The store of landed partitions cannot do what it was asked."""


class LandingDamagedError(LandingError, PermanentError):
    """A partition that is not what was landed."""


@dataclass(frozen=True)
class Landed:
    """One partition: the rows that one load of one scope brought, and how to tell that they are still the same."""

    scope: Scope
    load_id: str
    path: str
    rows: int
    schema_hash: str
    checksum: str
    created: datetime

    def manifest(self) -> str:
        """Return the manifest's text; `from_manifest` reads it back."""
        return json.dumps(
            {
                "source": self.scope.source,
                "dataset": self.scope.dataset,
                "query": self.scope.query,
                "window": self.scope.window.key,
                "load_id": self.load_id,
                "rows": self.rows,
                "schema_hash": self.schema_hash,
                "sha256": self.checksum,
                "created": self.created.isoformat(),
            },
            indent=2,
        )

    @classmethod
    def from_manifest(cls, path: UPath) -> "Landed":
        """Read the manifest at `path`; the partition lies beside it, so a store may be copied elsewhere."""
        try:
            said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            window = Window.parse(said["window"])
            return cls(
                scope=Scope(said["source"], said["dataset"], said["query"], window),
                load_id=said["load_id"],
                path=str(path.parent / f"{said['load_id']}{DATA}"),
                rows=said["rows"],
                schema_hash=said["schema_hash"],
                checksum=said["sha256"],
                created=parse_time(said["created"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise LandingDamagedError(
                f"The manifest {path} cannot be read ({error}). Restore it from a copy, or remove it with its Parquet "
                "file and read the window from its source again."
            ) from error


def folder_of(store: str, scope: Scope) -> UPath:
    """Return the folder of a scope's partitions: source/dataset/query/window."""
    return UPath(store) / quoted(scope.source) / quoted(scope.dataset) / quoted(scope.query) / scope.window.slug


def schema_hash(schema: pa.Schema) -> str:
    """Return a short hash of the columns' names and types; it changes when the contract does."""
    columns = "\n".join(f"{field.name}:{field.type}" for field in schema)
    return hashlib.blake2b(columns.encode(), digest_size=8).hexdigest()


def read_landed(landed: Landed) -> pa.Table:
    """Return the partition's rows, in the order in which they were landed, labels under one dictionary.

    Raises `LandingDamagedError` where the file is gone or its checksum is not the manifest's.
    """
    path = UPath(landed.path)
    try:
        content = pa.memory_map(str(path)).read_buffer() if is_local(path) else pa.py_buffer(path.read_bytes())
    except FileNotFoundError:
        raise LandingDamagedError(
            f"{landed.path} is gone, though its manifest is there. Restore it from a copy, or remove the manifest and "
            f"read {landed.scope} from its source again."
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != landed.checksum:
        raise LandingDamagedError(
            f"{landed.path} is not what was landed: its sha256 is {found[:12]}…, the manifest says "
            f"{landed.checksum[:12]}…. Restore the file from a copy, or remove it with its manifest and read "
            f"{landed.scope} from its source again."
        )
    table = pq.read_table(pa.BufferReader(content))
    return table.unify_dictionaries().replace_schema_metadata(None)


def landed_partitions(
    store: str,
    *,
    source: str | None = None,
    dataset: str | None = None,
    query: str | None = None,
    window: Window | None = None,
    newest: bool = True,
) -> list[Landed]:
    """Return what is landed, oldest window first: by default the newest load of each scope, else every load.

    Each argument that is given narrows the list; `window` keeps the scopes whose window overlaps it.
    """
    root = UPath(store)
    parts = [quoted(part) if part is not None else "*" for part in (source, dataset, query)]
    found = (Landed.from_manifest(path) for path in _manifests(root, parts))
    kept = [one for one in found if window is None or one.scope.window.overlaps(window)]
    kept.sort(key=lambda one: (one.scope.window, one.scope.source, one.scope.dataset, one.scope.query, one.load_id))
    if newest:
        return list({one.scope: one for one in kept}.values())
    return kept


def landed_at(path: str) -> Landed | None:
    """Return the partition whose Parquet file is at `path`, or None where its manifest is gone."""
    manifest = UPath(path).with_name(UPath(path).name.removesuffix(DATA) + MANIFEST)
    return Landed.from_manifest(manifest) if manifest.exists() else None


def remove_landed(landed: Landed) -> None:
    """Remove a partition: the manifest first, so that a cut never leaves a manifest without its rows."""
    path = UPath(landed.path)
    path.with_name(f"{landed.load_id}{MANIFEST}").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def remove_unfinished(store: str, before: datetime) -> int:
    """Remove what tasks that were killed had begun to write before a moment; return how many files.

    A load id begins with the time at which it was made, so a store need not tell how old its files are.
    """
    begun = f"{before.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    left = [path for path in _files(UPath(store), ["*"] * 3) if path.name[0] == "." and path.name.endswith(".part")]
    old = [path for path in left if path.name[1:] < begun]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def is_local(path: UPath) -> bool:
    """Return whether the store is a folder of this machine."""
    return path.protocol in {"", "file", "local"}


def _manifests(root: UPath, parts: list[str]) -> Iterator[UPath]:
    """Yield the manifests below the folders that `parts` name; a part that is `*` means every folder."""
    return (path for path in _files(root, parts) if path.name.endswith(MANIFEST) and path.name[0] != ".")


def _files(root: UPath, parts: list[str]) -> Iterator[UPath]:
    folders = [root]
    for part in [*parts, "*"]:
        if part == "*":
            folders = [child for folder in folders if folder.is_dir() for child in folder.iterdir() if child.is_dir()]
        else:
            folders = [folder / part for folder in folders]
    for folder in folders:
        yield from folder.iterdir()
