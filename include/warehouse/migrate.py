"""The schema's revisions: bring a database to the code's, and refuse to work on one that is not there.

Revisions are written by hand, as `migrations/versions/<number>_<what>.py`. Alembic is imported only to migrate.
"""

from pathlib import Path

import sqlalchemy as sa

from include.errors import PermanentError

_FOLDER = Path(__file__).parent / "migrations"


class DatabaseNewerError(PermanentError):
    """The database was migrated by a newer version of the code."""


class DatabaseNotMigratedError(PermanentError):
    """The database lacks tables or columns that the code needs."""


def revisions() -> list[str]:
    """Return the revisions that this code knows, oldest first."""
    return sorted(path.stem.split("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))


def current(connection: sa.Connection) -> str | None:
    """Return the database's revision, or None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("select version_num from alembic_version"))


def check(connection: sa.Connection) -> None:
    """Raise unless the database is at the code's revision."""
    found = current(connection)
    head = revisions()[-1]
    if found == head:
        return
    _refuse_newer(found)
    raise DatabaseNotMigratedError(
        f"The warehouse is at revision {found or 'none'}, the code needs {head}. "
        "Run: python -m include.warehouse migrate"
    )


def upgrade(connection: sa.Connection) -> None:
    """Bring the database to the code's revision; a no-op when it is there.

    Raises `DatabaseNewerError` when the database knows a revision that the code does not.
    """
    _refuse_newer(current(connection))
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in revisions():
        raise DatabaseNewerError(
            f"database newer than the code: it is at revision {found}, the code knows up to {revisions()[-1]}. "
            "Update the code, or use another warehouse."
        )
