"""The warehouse as others see it: a URL, behind which is a DuckDB file or a PostgreSQL database."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from include.clock import Clock, SystemClock
from include.errors import AlmanacError, PermanentError
from include.warehouse import migrate, postgres, transfer
from include.warehouse.lock import FileLock, Holder, this_task
from include.warehouse.write import Transaction


class WarehouseUrlError(PermanentError):
    """A URL that is neither a DuckDB file nor PostgreSQL."""


class WarehouseUnreachableError(AlmanacError):
    """The file or the server behind the URL cannot be opened."""


class Warehouse:
    """One warehouse. Connections are short: opened for one read or one transaction, closed before work goes on.

    On DuckDB each is under the file's lock (readers share it); a `with` block must not compute. `task` names this
    process to whoever waits for it, the command line by default.
    """

    def __init__(
        self, url: str, lock_timeout_seconds: float = 120.0, task: str | None = None, clock: Clock | None = None
    ) -> None:
        self.url = _checked(url)
        self.is_duckdb = self.url.get_backend_name() == "duckdb"
        self._task = task or this_task()
        self._ready = False
        if self.is_duckdb:
            self.path = Path(self.url.database or "").absolute()
            self._lock = FileLock(self.path, lock_timeout_seconds, self._task, clock or SystemClock())

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        """Return the rows of a select as Arrow; JSON columns come as their text."""
        with self.reading() as connection:
            return transfer.fetch(connection, statement)

    def frame(self, statement: sa.Select[Any]) -> pd.DataFrame:
        """Return the rows of a select as pandas."""
        return self.read(statement).to_pandas()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a connection that cannot write.

        Raises `LockTimeoutError`, `WarehouseUnreachableError`, `DatabaseNewerError` or `DatabaseNotMigratedError`.
        """
        with self._open(shared=True) as connection:
            self._check(connection)
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction: committed when the block ends, undone when it raises or the process dies.

        Raises what `reading` raises.
        """
        with self._open(shared=False) as connection, connection.begin():
            self._check(connection)
            yield Transaction(connection, self._create_partitions)

    def migrate(self) -> None:
        """Create the warehouse, or bring it to the code's revision; a no-op when it is there."""
        if self.is_duckdb:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open(shared=False) as connection, connection.begin():
            if not self.is_duckdb:
                postgres.lock_until_commit(connection, "migrate")
            migrate.upgrade(connection)

    def compact(self) -> dict[str, int]:
        """Give the space of deleted rows back to the engine, and refresh its statistics; return the bytes on disk."""
        if self.is_duckdb:
            before = self.path.stat().st_size
            with self._open(shared=False) as connection:
                connection.exec_driver_sql("checkpoint")
            return {"bytes_before": before, "bytes_after": self.path.stat().st_size}
        size = sa.select(sa.func.pg_database_size(sa.func.current_database()))
        with self._open(shared=False) as connection:
            before = int(connection.execute(size).scalar_one())
            connection.commit()
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.exec_driver_sql("vacuum (analyze)")
            return {"bytes_before": before, "bytes_after": int(alone.execute(size).scalar_one())}

    def holder(self) -> Holder | None:
        """Return who holds DuckDB's lock; None when nobody does, and on PostgreSQL, which has none."""
        return self._lock.holder() if self.is_duckdb else None

    @contextmanager
    def _open(self, shared: bool) -> Iterator[sa.Connection]:
        if self.is_duckdb and not (self.path if shared else self.path.parent).exists():
            raise migrate.DatabaseNotMigratedError(
                f"There is no warehouse at {self.path}. Run: python -m include.warehouse migrate"
            )
        with self._lock.hold(shared) if self.is_duckdb else nullcontext():
            try:
                connection = (self._reader if shared else self._writer).connect()
            except sa.exc.OperationalError as error:
                raise WarehouseUnreachableError(
                    f"The warehouse {self.url.render_as_string()} cannot be opened: {error.orig}. Check that the "
                    "server runs, or that no other program has the file open."
                ) from error
            with connection:
                yield connection

    def _check(self, connection: sa.Connection) -> None:
        if not self._ready:
            migrate.check(connection)
            self._ready = True

    def _create_partitions(self, table: str, rows: pa.Table) -> None:
        postgres.create_partitions(self._writer, table, rows)

    @cached_property
    def _writer(self) -> sa.Engine:
        return self._engine(self.url, writes=True)

    @cached_property
    def _reader(self) -> sa.Engine:
        if self.is_duckdb:
            return self._engine(self.url.update_query_dict({"access_mode": "read_only"}), writes=False)
        return self._engine(self.url, writes=False)

    def _engine(self, url: sa.URL, writes: bool) -> sa.Engine:
        if self.is_duckdb:
            engine = sa.create_engine(url, poolclass=sa.NullPool)
            sa.event.listen(engine, "connect", _duckdb_in_utc)
            return engine
        # A fresh partition has no statistics: a nested loop over one took 99 s where a hash join takes 2 s.
        settings = ["timezone=UTC", "datestyle=ISO", "enable_nestloop=off"]
        settings.append(f"default_transaction_read_only={'off' if writes else 'on'}")
        return sa.create_engine(
            url,
            poolclass=sa.NullPool,
            connect_args={"options": " ".join(f"-c {one}" for one in settings), "application_name": self._task[:63]},
        )


def _duckdb_in_utc(connection: Any, _record: Any) -> None:
    connection.execute("set TimeZone = 'UTC'")


def _checked(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise WarehouseUrlError(f"{text!r} is no URL. Write {_FORMS}.") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "duckdb" and url.database and url.database != ":memory:":
        return url
    raise WarehouseUrlError(f"{url.render_as_string()} is not a warehouse that tasks can share. Write {_FORMS}.")


_FORMS = "duckdb:////folder/warehouse.duckdb or postgresql://user:password@host/database"
