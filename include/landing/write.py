"""Batches → one immutable Parquet partition. Memory is flat: a row group at a time, whatever the window holds.

The rows are written under a hidden temporary name and renamed when they are whole; the manifest comes last. So a task
that is killed, or a disk that fills up, leaves no partition behind, not half of one.
"""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from include.clock import Clock
from include.datasets import Scope, dataset
from include.errors import PermanentError
from include.landing.partition import DATA, MANIFEST, Landed, LandingError, folder_of, is_local, schema_hash

ROW_GROUP = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LARGEST_DICTIONARY = 64 << 20  # bytes; beyond Parquet's default of one MiB every row would hold its labels' full text


class LandingFullError(LandingError):
    """The store has no room for the partition."""


class AlreadyLandedError(LandingError, PermanentError):
    """A load id that is taken: partitions are never rewritten."""


class NotTheContractError(LandingError, PermanentError):
    """Batches whose columns are not those of the dataset."""


def new_load_id(clock: Clock) -> str:
    """Return an id for one load: unique, and sorted by the time at which it was made."""
    return f"{clock.now().astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}"


def land(store: str, scope: Scope, batches: Iterable[pa.RecordBatch], load_id: str, clock: Clock) -> Landed:
    """Write the batches as the partition `load_id` of `scope` and return what was landed; no rows is a partition too.

    Raises `LandingFullError` where there is no room, `AlreadyLandedError` where the load id is taken,
    `NotTheContractError` where a batch has other columns, and whatever `batches` raises; nothing is left behind then.
    """
    contract = dataset(scope.dataset).schema
    folder = folder_of(store, scope)
    target, manifest = folder / f"{load_id}{DATA}", folder / f"{load_id}{MANIFEST}"
    part = folder / f".{load_id}{DATA}.part"
    with _storage_errors(store, scope):
        folder.mkdir(parents=True, exist_ok=True)
        if manifest.exists():
            raise AlreadyLandedError(f"{target} is there already. Take a new load id: partitions are never rewritten.")
    try:
        rows, checksum = _write(part, store, scope, batches)
        landed = Landed(scope, load_id, str(target), rows, schema_hash(contract), checksum, clock.now())
        with _storage_errors(store, scope):
            _publish(part, target)
            manifest_part = folder / f".{load_id}{MANIFEST}.part"
            manifest_part.write_text(landed.manifest(), encoding="utf-8")
            _publish(manifest_part, manifest)
    except BaseException:
        for leftover in (part, folder / f".{load_id}{MANIFEST}.part", manifest, target):
            leftover.unlink(missing_ok=True)
        raise
    return landed


class _Tally:
    """A file that is hashed while it is written, so that the bytes are read once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.closed = False

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        self._file.write(content)
        return len(content)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True

    @property
    def checksum(self) -> str:
        return self._hash.hexdigest()


def _write(part: UPath, store: str, scope: Scope, batches: Iterable[pa.RecordBatch]) -> tuple[int, str]:
    """Write the rows to `part`, to the disk where it is one, and return their number and the file's sha256."""
    contract = dataset(scope.dataset).schema
    rows = 0
    with _storage_errors(store, scope), part.open("wb") as file:
        tally = _Tally(file)
        writer = pq.ParquetWriter(
            pa.PythonFile(tally, "w"),
            contract,
            compression="zstd",
            compression_level=1,
            use_dictionary=[field.name for field in contract if not _is_number(field.type)],
            dictionary_pagesize_limit=_LARGEST_DICTIONARY,
            write_statistics=["ts"] if "ts" in contract.names else False,
        )
        try:
            for group in _row_groups(scope, contract, batches):
                writer.write_table(group, row_group_size=2 * ROW_GROUP)
                rows += group.num_rows
        finally:
            writer.close()
        file.flush()
        if is_local(part):
            os.fsync(file.fileno())
    return rows, tally.checksum


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_timestamp(kind) or pa.types.is_boolean(kind)


def _row_groups(scope: Scope, contract: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables of about `ROW_GROUP` rows under one dictionary, however small the batches are."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in _from_source(batches):
        if not batch.schema.equals(contract):
            raise NotTheContractError(
                f"{scope}: the source yields {_columns(batch.schema)}, but {scope.dataset} is {_columns(contract)}. "
                "Correct the source's mapping."
            )
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= ROW_GROUP:
            yield pa.Table.from_batches(waiting, contract).unify_dictionaries()
            waiting, rows = [], 0
    if rows:
        yield pa.Table.from_batches(waiting, contract).unify_dictionaries()


class _SourceFailedError(Exception):
    """Carries an error of the source through the code that explains errors of the store."""


def _from_source(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except OSError as error:
        raise _SourceFailedError from error


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _publish(part: UPath, target: UPath) -> None:
    """Give a whole file its name: a rename on a disk, a copy within an object store."""
    if is_local(part):
        part.replace(target)
    else:
        part.fs.mv(part.path, target.path)


@contextmanager
def _storage_errors(store: str, scope: Scope) -> Iterator[None]:
    """Say in a sentence what the store could not do; an error of the source passes as it is."""
    try:
        yield
    except _SourceFailedError as carried:
        if carried.__cause__ is not None:
            raise carried.__cause__ from None
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise LandingFullError(
                f"No room in {store} to land {scope}: {error.strerror}. Nothing of it was kept. Free space there, or "
                "point ALMANAC_LANDING_URL at another store, and run the window again."
            ) from error
        raise LandingError(
            f"{store} cannot take {scope}: {error}. Nothing of it was kept. Check that the store is there and may be "
            "written, and run the window again."
        ) from error
