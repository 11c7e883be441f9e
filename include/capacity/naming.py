"""What to call each of several resources of one service: its disks, its instances, its pods."""

from collections.abc import Mapping, Sequence


def distinguished(resources: Sequence[str], labels: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the name of each resource of one service, told apart by the labels in which its namesakes differ.

    The label that tells all of them apart with the fewest letters is enough; where none does, every label that differs
    is named. A resource that is alone with its name keeps it.

    >>> distinguished(["disk", "disk", "CPU"], [{"mount": "/", "disk": "sda1"}, {"mount": "/home", "disk": "sdb1"}, {}])
    ['disk /', 'disk /home', 'CPU']
    """
    named = list(resources)
    for resource in dict.fromkeys(resources):
        members = [place for place, name in enumerate(resources) if name == resource]
        if len(members) > 1:
            for place, text in zip(members, _told_apart([labels[place] for place in members]), strict=True):
                named[place] = f"{resource} {text}".rstrip()
    return named


def _told_apart(labels: Sequence[Mapping[str, str]]) -> list[str]:
    names = sorted({name for one in labels for name in one})
    values = {name: [one.get(name, "") for one in labels] for name in names}
    differing = [name for name in names if len(set(values[name])) > 1]
    enough = [name for name in differing if len(set(values[name])) == len(labels) and all(values[name])]
    if enough:
        return values[min(enough, key=lambda name: (sum(map(len, values[name])), name))]
    return [", ".join(filter(None, (values[name][place] for name in differing))) for place in range(len(labels))]
