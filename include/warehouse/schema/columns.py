"""The metadata that all tables share, and the columns that they have in common. Times are UTC with time zone."""

from sqlalchemy import JSON, Boolean, Column, DateTime, MetaData, Text

metadata = MetaData()


def time(name: str, nullable: bool = False) -> Column[object]:
    """Return a column of UTC times."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def text(name: str, nullable: bool = False, key: bool = False) -> Column[str]:
    """Return a column of text."""
    return Column(name, Text, nullable=nullable, primary_key=key)


def json(name: str) -> Column[object]:
    """Return a nullable column of JSON."""
    return Column(name, JSON(none_as_null=True))


def result_columns() -> list[Column[object]]:
    """Return the columns of every result: who produced it, for which window, in which run."""
    return [
        Column("producer", Text, nullable=False),
        Column("window_start", DateTime(timezone=True), nullable=False),
        Column("window_end", DateTime(timezone=True), nullable=False),
        Column("run_id", Text, nullable=False),
    ]


def record_columns() -> list[Column[object]]:
    """Return the columns of every record: its version, its tombstone, the load that brought it.

    A `provisional` row came from a webhook, before the window's own run.
    """
    return [
        Column("updated_at", DateTime(timezone=True), nullable=False),
        Column("deleted", Boolean, nullable=False),
        Column("provisional", Boolean, nullable=False),
        Column("load_id", Text, nullable=False),
    ]
