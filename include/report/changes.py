"""What changed since the report before: new, worse, better, gone."""

from include.report.document import Change, Level, Standing

_TROUBLE = (Level.CRITICAL, Level.WARNING)


def in_trouble(standings: list[Standing]) -> list[Standing]:
    """Return the standings that the next report needs to know."""
    return [standing for standing in standings if standing.level in _TROUBLE]


def compare(before: list[Standing], now: list[Standing]) -> list[Change]:
    """Return the changes between two reports, in the order new, worse, better, gone.

    *New* needs action and did not before; *gone* did and is fine, or is no longer measured. *Worse* and *better* need
    action in both, and moved by a level or by at least the material difference of their severity.
    """
    old = {standing.subject: standing for standing in before}
    new = {standing.subject: standing for standing in now}
    changes: list[Change] = []
    for subject, standing in new.items():
        known = old.get(subject)
        was_trouble = known is not None and known.level in _TROUBLE
        if standing.level not in _TROUBLE:
            if known is not None and was_trouble:
                kind = "gone" if standing.level is Level.OK else "worse"
                word = "is fine again" if kind == "gone" else "can no longer be judged"
                changes.append(
                    Change(kind=kind, subject=subject, text=f"{word}: {standing.text}; before: {known.text}")
                )
        elif known is None or not was_trouble:
            changes.append(Change(kind="new", subject=subject, text=standing.text))
        elif (moved := _moved(known, standing)) is not None:
            changes.append(Change(kind=moved, subject=subject, text=f"{standing.text}; before: {known.text}"))
    changes += [
        Change(kind="gone", subject=subject, text=f"is no longer measured; before: {standing.text}")
        for subject, standing in old.items()
        if subject not in new and standing.level in _TROUBLE
    ]
    order = ("new", "worse", "better", "gone")
    return sorted(changes, key=lambda change: order.index(change.kind))


def _moved(before: Standing, now: Standing) -> str | None:
    if now.level is not before.level:
        return "worse" if now.level.rank < before.level.rank else "better"
    difference = now.severity - before.severity
    if abs(difference) < now.material:
        return None
    return "worse" if difference > 0 else "better"
