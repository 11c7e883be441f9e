"""What happens when a source's columns change: a new one, one of another type, one that is gone."""

from typing import Literal

from pydantic import Field

from include.config.values import Model


class DriftPolicy(Model):
    """The policy of one query or feed, told by the Data page whatever it is.

    `add` and `coerce` load the rows; `quarantine` sets apart the rows that have (or lack) the column; `stop` loads
    nothing until somebody has looked.
    """

    new: Literal["add", "quarantine", "stop"] = Field(default="add", description="a column that was never there")
    changed: Literal["coerce", "quarantine", "stop"] = Field(
        default="coerce", description="a column that held numbers or truth values and now holds text; coerce: as text"
    )
    missing: Literal["coerce", "quarantine", "stop"] = Field(
        default="coerce", description="a column that was nearly always there; coerce: empty"
    )
