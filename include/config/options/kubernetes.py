"""Options of type kubernetes: which namespaces are read, and which reasons of events are changes."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from include.config.values import Model, Name, PositiveDuration, Text, one_or_many

Kind = Literal["deployment", "configuration", "scale", "other"]
CHANGES: dict[str, Kind] = {
    "ScalingReplicaSet": "scale",
    "SuccessfulRescale": "scale",
    "TriggeredScaleUp": "scale",
    "ScaleDown": "scale",
    "DeploymentRollback": "deployment",
    "NodeNotSchedulable": "configuration",
    "NodeSchedulable": "configuration",
    "RegisteredNode": "scale",
    "RemovingNode": "scale",
}


class KubernetesOptions(Model):
    """Keys below `options` of a source of type kubernetes."""

    event_ttl: PositiveDuration = Field(
        default=timedelta(hours=1), description="how long the cluster keeps events: --event-ttl of its API server"
    )


class KubernetesFeed(Model):
    """Keys below `options` of a feed of type kubernetes."""

    namespaces: Annotated[tuple[Name, ...], BeforeValidator(one_or_many)] = Field(
        default=(), description="only events of these namespaces; none named: of the whole cluster"
    )
    changes: dict[Text, Kind] = Field(
        default_factory=lambda: dict(CHANGES),
        description="for change_event: reason → deployment, configuration, scale or other; others are no changes",
    )
