"""How traffic moves when nothing is wrong: the day's shape, the week, growth, and correlated noise."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from scipy.signal import lfilter

from include.demo.fleet import COUNT, Floats
from include.demo.world import EPOCH, MINUTES, World

ZONE = ZoneInfo("Europe/Berlin")
NOISES = 8
"""Independent noises per service: traffic, CPU, latency, tail, memory, connections, network, hits."""


def shape(world: World, t: Floats) -> Floats:
    """Return traffic relative to a usual weekday's peak at minutes `t` since 1970, shape `(len(t),)`."""
    noon = EPOCH + timedelta(minutes=float(t[-1]) - MINUTES / 2)
    offset = noon.astimezone(ZONE).utcoffset() or timedelta(0)
    local = t + offset / timedelta(minutes=1)
    hour = (local % MINUTES) / 60
    bumps = world.bumps
    away = (hour[:, None] - bumps[:, 0] + 12) % 24 - 12
    day = (bumps[:, 2] * np.exp(-0.5 * (away / bumps[:, 1]) ** 2)).sum(axis=1)
    usual = world.night + (1 - world.night) * day / _highest(world)
    week = (local / MINUTES + 3) % 7
    weekday = np.interp(week, np.arange(-1, 9) + 0.5, world.weekdays[np.arange(-1, 9) % 7])
    growth = (1 + world.weekly_growth) ** ((t - world.anchor_minute) / (7 * MINUTES))
    return usual * weekday * growth


def edge_season(world: World, t: Floats) -> Floats:
    """Return by how much each edge is used more or less than on average, `(edges, len(t))`."""
    phase = world.edge_phase
    hours = t[None, :] / 60 - phase[:, :1]
    return 1 + phase[:, 1:] * np.cos(2 * np.pi * hours / 24)


def noise(world: World, day: int, margin: int) -> tuple[Floats, Floats, Floats]:
    """Return white, 15-minute and 4-hour noise of unit deviation, each `(NOISES, services, margin + 1440)`.

    Correlated noise is filtered from the white noise of the day and the day before, so no state runs on.
    """
    white = np.concatenate(
        [world.random("noise", d).standard_normal((NOISES, COUNT, MINUTES), dtype=np.float32) for d in (day - 1, day)],
        axis=2,
    )
    smooth = [
        lfilter([np.sqrt(1 - keep**2)], [1, -keep], white, axis=2)[:, :, -margin - MINUTES :]
        for keep in (np.exp(-1 / 15), np.exp(-1 / 240))
    ]
    return white[:, :, -margin - MINUTES :], smooth[0], smooth[1]


def _highest(world: World) -> float:
    hour = np.arange(0, 24, 0.1)
    away = (hour[:, None] - world.bumps[:, 0] + 12) % 24 - 12
    return float((world.bumps[:, 2] * np.exp(-0.5 * (away / world.bumps[:, 1]) ** 2)).sum(axis=1).max())
