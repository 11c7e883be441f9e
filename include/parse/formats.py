"""Which form the lines of a file have: the one that its layout names, or what a sample of its lines looks like."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from include.parse.container import ContainerLines
from include.parse.databases import DATABASES
from include.parse.generic import TIME_FIRST, TIME_INSIDE
from include.parse.java import JAVA
from include.parse.json_lines import JsonLines
from include.parse.klog import KLOGS
from include.parse.line_format import LineFormat, Mask, PatternFormat
from include.parse.logfmt import Logfmt
from include.parse.moments import CLOCK
from include.parse.python_logging import PYTHON
from include.parse.syslog import RFC3164, RFC3164_BARE, RFC5424, WITH_ISO_TIME
from include.parse.web import ACCESS, APACHE_ERROR, NGINX_ERROR

FAMILIES: Mapping[str, Sequence[LineFormat]] = {
    "json": (JsonLines(),),
    "container": (ContainerLines(), JsonLines()),
    "syslog": (RFC5424, RFC3164, RFC3164_BARE, WITH_ISO_TIME),
    "access": (ACCESS,),
    "error": (APACHE_ERROR, NGINX_ERROR),
    "logfmt": (Logfmt(),),
    "klog": KLOGS,
    "java": JAVA,
    "python": PYTHON,
    "database": DATABASES,
    "time-first": TIME_FIRST,
    "time-inside": TIME_INSIDE,
}
"""What a layout may call them, from the most particular to what fits nearly everything."""

SAMPLE = 1000
_SHARE = 0.05
"""A second form is taken where at least this share of the sample is of it alone: some programs write two."""


def formats_of(lines: pa.Array, named: str = "auto", *, dated: bool = False) -> Sequence[LineFormat]:
    """Return the forms of these lines, in the order in which they are to be tried; empty where no line has a time.

    `named` is a key of `FAMILIES`, whose forms are all taken, or auto. Forms with a time of day alone are for files
    whose day is known (`dated`).
    """
    if named != "auto":
        return [one for one in _and_bare(FAMILIES[named]) if dated or not _needs_day(one)]
    sample = (
        lines.take(pa.array(np.unique(np.linspace(0, len(lines) - 1, SAMPLE).astype(int)))) if len(lines) else lines
    )
    particular = [one for name, family in FAMILIES.items() if name != "time-inside" for one in family]
    fits = [(one, one.fits(sample)) for one in particular if dated or not _needs_day(one)]
    return _and_bare(_chosen(fits)) or _chosen([(one, one.fits(sample)) for one in TIME_INSIDE])


def _chosen(fits: Sequence[tuple[LineFormat, Mask]]) -> list[LineFormat]:
    """Return the first form that fits the most lines, and those that fit enough lines which none before them fits.

    A general form also fits the lines of a particular one, so of equals the particular one is taken, and a general
    one only for what is left.
    """
    most = max((int(fit.sum()) for _, fit in fits), default=0)
    if not most:
        return []
    taken: list[LineFormat] = []
    left = np.ones(len(fits[0][1]), bool)
    for one, fit in fits:
        alone = int((fit & left).sum())
        if alone and alone >= _SHARE * most:
            taken.append(one)
            left &= ~fit
    return taken


def _needs_day(one: LineFormat) -> bool:
    return isinstance(one, PatternFormat) and one.moment is CLOCK


def _and_bare(taken: Sequence[LineFormat]) -> list[LineFormat]:
    """Return the forms, and the bare ones whose time is written alike: a line that begins so is no continuation."""
    moments = [one.moment for one in taken if isinstance(one, PatternFormat)]
    bare = (*([RFC3164_BARE] if RFC3164 in taken else []), *TIME_FIRST)
    return [*taken, *(one for one in bare if one.moment in moments and one not in taken)]
