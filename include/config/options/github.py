"""Options of type github: what of a repository is a change, and how far back one may have begun."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from include.config.values import Model, PositiveDuration, Text, one_or_many

What = Literal["deployments", "releases"]


class GitHubFeed(Model):
    """Keys below `options` of a feed of type github."""

    what: Annotated[tuple[What, ...], BeforeValidator(one_or_many)] = Field(
        default=("deployments", "releases"), min_length=1, description="deployments, releases, or both"
    )
    environments: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = Field(
        default=(), description="only deployments to these environments; none named: all"
    )
    lookback: PositiveDuration = Field(
        default=timedelta(days=1), description="how long before the window a deployment may have begun"
    )
    release_lookback: PositiveDuration = Field(
        default=timedelta(days=30), description="how old the commit of a release may be when it is published"
    )
