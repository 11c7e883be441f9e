"""The first page: one line per report, worst first, from the index alone."""

from collections.abc import Iterable

from include.report.document import EVERYONE
from include.report.store import Entry, Store


def newest(store: Store, audience: str = EVERYONE) -> list[Entry]:
    """Return the newest entry of each report for an audience, worst first; reports without one are left out."""
    entries = (store.latest(name, audience) for name in store.names())
    return worst_first(entry for entry in entries if entry is not None)


def worst_first(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries sorted by urgency, then by name."""
    return sorted(entries, key=lambda entry: (entry.level.rank, entry.name, entry.audience))
