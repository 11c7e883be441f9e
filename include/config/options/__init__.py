"""What only one type of source knows: the keys below `options` of a source and of its feeds, checked like all others.

A connector that needs such keys has a module here, named after its type, with a model for the source, one for the
feed, or both; the table below names them. A type that is not in the table takes no options.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from include.config.options.datadog import DatadogFeed
from include.config.options.elasticsearch import ElasticsearchFeed, ElasticsearchOptions
from include.config.options.github import GitHubFeed
from include.config.options.jaeger import JaegerFeed
from include.config.options.jira import JiraFeed
from include.config.options.kafka import KafkaFeed, KafkaOptions
from include.config.options.kubernetes import KubernetesFeed, KubernetesOptions
from include.config.options.loki import LokiFeed, LokiOptions
from include.config.options.opsgenie import OpsgenieOptions
from include.config.options.pagerduty import PagerDutyFeed
from include.config.options.prometheus import PrometheusOptions
from include.config.options.servicenow import ServiceNowFeed
from include.config.options.splunk import SplunkFeed, SplunkOptions
from include.config.options.tempo import TempoFeed
from include.config.options.webhook import WebhookFeed, WebhookOptions
from include.config.options.zipkin import ZipkinFeed
from include.config.values import Model


class NoOptions(Model):
    """No keys at all."""


@dataclass(frozen=True)
class Options:
    """The models of one type's options."""

    source: type[Model] = NoOptions
    feed: type[Model] = NoOptions


_OPTIONS: Mapping[str, Options] = {
    "splunk": Options(SplunkOptions, SplunkFeed),
    "elasticsearch": Options(ElasticsearchOptions, ElasticsearchFeed),
    "loki": Options(LokiOptions, LokiFeed),
    "kubernetes": Options(KubernetesOptions, KubernetesFeed),
    "servicenow": Options(feed=ServiceNowFeed),
    "jira": Options(feed=JiraFeed),
    "github": Options(feed=GitHubFeed),
    "kafka": Options(KafkaOptions, KafkaFeed),
    "datadog": Options(feed=DatadogFeed),
    "prometheus": Options(source=PrometheusOptions),
    "webhook": Options(WebhookOptions, WebhookFeed),
    "opsgenie": Options(source=OpsgenieOptions),
    "pagerduty": Options(feed=PagerDutyFeed),
    "jaeger": Options(feed=JaegerFeed),
    "zipkin": Options(feed=ZipkinFeed),
    "tempo": Options(feed=TempoFeed),
}


def options_of(source_type: str) -> Options:
    """Return the models of a type's options."""
    return _OPTIONS.get(source_type, Options())


def option_problems(at: tuple[str, ...], model: type[Model], given: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
    """Yield what is wrong with options that stand at a path, as pydantic tells it."""
    keys = ", ".join(model.model_fields) or "no options: this type has none"
    try:
        model.model_validate(given)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            said = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            if detail["type"] == "extra_forbidden":
                said = f"one of {keys}" if model.model_fields else keys
            elif detail["type"] == "missing":
                said = f"a value for {detail['loc'][-1]}; the options are {keys}"
            yield InitErrorDetails(
                type=PydanticCustomError("option", "{said}", {"said": said}),
                loc=(*at, *detail["loc"]),
                input=detail["input"],
            )
