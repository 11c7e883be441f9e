"""What is ordinary among the log lines of each service, and how far a line is from it: eight numbers a line.

Probabilities are shares of the lines that were learned from; that of a template never seen is Good and Turing's
estimate, the share of templates seen once (Good, Biometrika 40, 1953), so that a service which makes a new template of
every line does not surprise with the next one. A service never seen is judged by what all services know.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features.panel import Floats, Longs
from include.parse.levels import LEVELS

FEATURES = ("rarity", "rarity_elsewhere", "level", "level_rarity", "longer", "quiet", "hour", "weekday")
WORDS = {
    "rarity": "a rare template",
    "rarity_elsewhere": "a template that is rare in every service",
    "level": "its level",
    "level_rarity": "a rare level",
    "longer": "an unusual length",
    "quiet": "an hour in which such lines are rare",
    "hour": "hour of the day",
    "weekday": "day of the week",
}
INFO, BAD = (
    LEVELS.index("INFO"),
    LEVELS.index("ERROR"),
)  # a line without a level counts as INFO; from BAD on it is an error
_SPREAD = 0.25  # least deviation of log(1 + characters) by which a length is judged
_MAD = 1.4826
_FEW = 5  # lines of a template below which its lengths say nothing
_DAY = 86_400_000_000


@dataclass(frozen=True)
class Vocabulary:
    """What was learned of S services and of their T templates; row S of the tables is all services together."""

    services: tuple[str, ...]
    zones: tuple[str, ...]
    template: Longs  # [T, 2]: position of the service, template id; sorted
    lines: Floats  # [T] lines of it
    length: Floats  # [T, 2]: median and deviation of log(1 + characters)
    total: Floats  # [S + 1, 2]: lines, templates seen once
    usual_length: Floats  # [S + 1, 2]: likewise over all templates
    level: Floats  # [S + 1, 6] lines by level
    hourly: Floats  # [S + 1, 2, 24]: ordinary and bad lines a day, by local hour

    @classmethod
    def learn(cls, lines: pd.DataFrame, counts: pd.DataFrame, zones: dict[str, str]) -> "Vocabulary":
        """Learn lengths from lines `[service, ts, level, template_id, length]`, all else from counts of all lines.

        `counts` is `[service, ts, level, template_id, lines]`; `zones` are time zones of services, UTC where none is.
        """
        names = sorted(counts["service"].astype(str).unique())
        known = tuple(zones.get(name, "UTC") for name in names)
        size = len(names)
        where = _places(counts["service"], names)
        weight = counts["lines"].to_numpy(np.float64)
        by_template = pd.DataFrame({"service": where, "template_id": counts["template_id"], "lines": weight})
        table = by_template.groupby(["service", "template_id"])["lines"].sum().reset_index()
        level = np.zeros((size + 1, len(LEVELS)))
        rank = level_ranks(counts["level"])
        np.add.at(level, (where, rank), weight)
        hourly = np.zeros((size + 1, 2, 24))
        hour, _ = _clock(counts["ts"], where, known)
        np.add.at(hourly, (where, (rank >= BAD).astype(int), hour), weight)
        level[size], hourly[size] = level[:size].sum(axis=0), hourly[:size].sum(axis=0) / max(size, 1)
        us = _microseconds(counts["ts"])
        days = max((us.max() - us.min()) / _DAY, 1.0)
        length, usual = _lengths(lines, table, names)
        return cls(
            tuple(names),
            known,
            table[["service", "template_id"]].to_numpy(np.int64),
            table["lines"].to_numpy(np.float64),
            length,
            _totals(table, size),
            usual,
            level,
            hourly / days,
        )

    def features(self, lines: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Return `[rows, 8]` in the order of `FEATURES`."""
        where = _places(lines["service"], list(self.services))
        found, elsewhere = self._find(where, lines["template_id"].to_numpy(np.int64))
        rank = level_ranks(lines["level"])
        bad = (rank >= BAD).astype(int)
        hour, weekday = _clock(lines["ts"], where, self.zones)
        own = self._share(np.where(found >= 0, self.lines[found], 0.0), self.total[where])
        shared = self._share(elsewhere, self.total[-1:])
        new = where == len(self.services)  # nothing can be said of a template that only a new service has
        shared = np.where(new & (elsewhere == 0), 1.0, shared)
        own = np.where(new, shared, own)
        level = (self.level[where, rank] + 0.5) / (self.level[where].sum(axis=1) + 0.5)
        usual = np.where((found >= 0)[:, None], self.length[found], self.usual_length[where])
        longer = (np.log1p(lines["length"].to_numpy(np.float64)) - usual[:, 0]) / usual[:, 1]
        columns = (
            -np.log10(own),
            -np.log10(shared),
            rank,
            -np.log10(level),
            longer,
            -np.log10(self.hourly[where, bad, hour] + 0.05),
            hour,
            weekday,
        )
        return np.stack(columns, axis=1).astype(np.float32)

    @staticmethod
    def _share(lines: Floats, total: Floats) -> Floats:
        """Return the share of all lines that a template's are; without lines, that which new templates have."""
        share: Floats = np.where(lines > 0, lines, np.maximum(total[:, 1], 0.5)) / np.maximum(total[:, 0], 1.0)
        return np.minimum(share, 1.0)

    def usual(self, lines: pd.DataFrame) -> Floats:
        """Return the median length, in characters, of the template of each line; of its service where that is new."""
        where = _places(lines["service"], list(self.services))
        found, _ = self._find(where, lines["template_id"].to_numpy(np.int64))
        middle: Floats = np.where(found >= 0, self.length[found, 0], self.usual_length[where, 0])
        return np.expm1(middle)

    def local(self, lines: pd.DataFrame) -> tuple[Longs, Longs]:
        """Return local hour and weekday (Monday is 0) of each line."""
        return _clock(lines["ts"], _places(lines["service"], list(self.services)), self.zones)

    def _find(self, where: Longs, template: Longs) -> tuple[Longs, Floats]:
        """Return the row of each line's template, -1 for a new one, and the lines of that template in all services."""
        keys = pd.MultiIndex.from_arrays([self.template[:, 0], self.template[:, 1]])
        found = keys.get_indexer(pd.MultiIndex.from_arrays([where, template]))
        shared = pd.Series(self.lines).groupby(self.template[:, 1]).sum()
        return found.astype(np.int64), np.asarray(shared.reindex(template).fillna(0.0), np.float64)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all but the names as named arrays."""
        names = ("template", "lines", "length", "total", "usual_length", "level", "hourly")
        return {f"vocabulary_{name}": getattr(self, name) for name in names}

    @classmethod
    def from_arrays(cls, services: list[str], zones: list[str], arrays: dict[str, npt.NDArray[Any]]) -> "Vocabulary":
        """Return the vocabulary that `arrays` gave, of these services."""
        prefix = "vocabulary_"
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        return cls(tuple(services), tuple(zones), **own)


def level_ranks(level: pd.Series) -> Longs:
    """Return positions in `LEVELS`; INFO where nothing is known."""
    ranks = level.astype(object).map({name: at for at, name in enumerate(LEVELS)})
    return np.asarray(ranks.fillna(INFO), np.int64)


def _places(service: pd.Series, names: list[str]) -> Longs:
    """Return the position of each service in `names`, and their number for one that is not there."""
    found = pd.Index(names).get_indexer(pd.Index(service.astype(str)))
    return np.where(found < 0, len(names), found).astype(np.int64)


def _microseconds(ts: pd.Series) -> Longs:
    return ts.dt.as_unit("us").astype("int64").to_numpy()


def _clock(ts: pd.Series, where: Longs, zones: tuple[str, ...]) -> tuple[Longs, Longs]:
    every = np.array([*zones, "UTC"], dtype=object)[where]
    hour, weekday = np.zeros(len(ts), np.int64), np.zeros(len(ts), np.int64)
    for zone in dict.fromkeys(every.tolist()):  # a handful of time zones, each at once
        mine = every == zone
        local = ts[mine].dt.tz_convert(zone)
        hour[mine], weekday[mine] = local.dt.hour, local.dt.weekday
    return hour, weekday


def _totals(table: pd.DataFrame, size: int) -> Floats:
    total = np.zeros((size + 1, 2))
    where = table["service"].to_numpy()
    np.add.at(total[:, 0], where, table["lines"].to_numpy())
    np.add.at(total[:, 1], where, table["lines"].to_numpy() <= 1)
    shared = table.groupby("template_id")["lines"].sum().to_numpy()
    total[size] = shared.sum(), (shared <= 1).sum()
    return total


def _lengths(lines: pd.DataFrame, table: pd.DataFrame, names: list[str]) -> tuple[Floats, Floats]:
    """Return median and deviation of log(1 + characters) per template and per service; the last is that of all."""
    frame = pd.DataFrame(
        {
            "service": _places(lines["service"], names),
            "template_id": lines["template_id"].to_numpy(),
            "x": np.log1p(lines["length"].to_numpy(np.float64)),
        }
    )
    every = _spread(frame.assign(all=0), ["all"]).iloc[0]
    usual = _spread(frame, ["service"]).reindex(range(len(names) + 1))
    usual.iloc[-1] = every
    usual = usual.fillna(every)
    own = _spread(frame, ["service", "template_id"])
    own = own[own["count"] >= _FEW].reindex(pd.MultiIndex.from_frame(table[["service", "template_id"]]))
    service = usual.loc[table["service"], ["middle", "spread"]].to_numpy()
    known = own[["middle", "spread"]].to_numpy()
    return np.where(np.isnan(known), service, known), usual[["middle", "spread"]].to_numpy()


def _spread(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    middle = frame.groupby(by)["x"].transform("median")
    grouped = frame.assign(gap=(frame["x"] - middle).abs()).groupby(by)
    found = grouped.agg(middle=("x", "median"), spread=("gap", "median"), count=("x", "size"))
    return found.assign(spread=np.maximum(_MAD * found["spread"], _SPREAD))
