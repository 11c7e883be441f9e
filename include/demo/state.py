"""The world's own memory: seed, anchor, first day and injected points, in one file apart from what the platform reads.

Whoever has this file can compute the truth, so it never lies inside the observable folder.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from include.demo.fleet import INDEX
from include.demo.world import World, day_of
from include.errors import AlmanacError
from include.window import parse_time


class StateError(AlmanacError):
    """A state file that is missing, unreadable, or in the wrong place."""


@dataclass(frozen=True)
class Injection:
    """One point that is told late, or otherwise than it was: it replaces what the simulation says."""

    metric: str
    service: str
    at: str
    value: float

    @property
    def position(self) -> int:
        """Position of the service in the fleet."""
        return INDEX[self.service]


@dataclass(frozen=True)
class State:
    """What a world must remember. `first_day` counts from 1970."""

    seed: int
    anchor: datetime
    first_day: int
    injections: tuple[Injection, ...] = ()

    @property
    def world(self) -> World:
        """The world of this state."""
        return World(self.seed, self.anchor)

    def injected_on(self, day: int) -> list[Injection]:
        """Return the injected points of a day."""
        return [one for one in self.injections if day_of(parse_time(one.at)) == day]

    def with_injection(self, one: Injection) -> "State":
        """Return this state with one more injected point; the last word on a point counts."""
        same = (one.metric, one.service, one.at)
        kept = tuple(old for old in self.injections if (old.metric, old.service, old.at) != same)
        return replace(self, injections=(*kept, one))


def default_path(folder: Path) -> Path:
    """Return where the state of a folder lies unless told otherwise: beside it, not in it."""
    return folder.absolute().parent / f"{folder.name}-world" / "state.json"


def read_state(path: Path) -> State:
    """Read a state, or raise `StateError`."""
    try:
        found = json.loads(path.read_text())
        return State(
            int(found["seed"]),
            parse_time(found["anchor"]),
            int(found["first_day"]),
            tuple(Injection(**one) for one in found["injections"]),
        )
    except FileNotFoundError:
        raise StateError(f"There is no world at {path}. Make one with: python -m include.demo write FOLDER.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{path} is not the state of a world ({error}). Remove it and write the fleet anew."
        ) from error


def write_state(path: Path, state: State, folder: Path) -> None:
    """Write a state in one step; it must not lie inside `folder`, which the platform reads."""
    if path.absolute().is_relative_to(folder.absolute()):
        raise StateError(f"The state {path} would lie inside {folder}, where the platform reads. Give another --state.")
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = asdict(state) | {"anchor": state.anchor.isoformat()}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(fields, indent=2) + "\n")
    part.replace(path)
