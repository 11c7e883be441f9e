"""A simulated fleet: eighteen services of a shop, with planted faults whose truth is kept apart.

In: a seed and an anchor. Out: files of metrics, alerts, incidents, changes, logs and traces, one per day and dataset.
Every day is a pure function of seed and anchor, so a day can be made alone and adding one leaves the past as it was.
The platform reads only the files; nothing but tests and `python -m include.demo` imports this room.
Read `fleet.py` (who calls whom), then `world.py`, `signals.py` and `faults.py`.
"""

from include.demo.world import World

__all__ = ["World"]
