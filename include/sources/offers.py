"""Which datasets each type of source can bring."""

from collections.abc import Mapping

OFFERS: Mapping[str, tuple[str, ...]] = {
    "prometheus": ("metric_point", "alert"),
    "alertmanager": ("alert",),
    "datadog": ("metric_point", "log_event"),
    "files": ("metric_point", "log_event", "span", "alert", "incident", "incident_change", "change_event"),
    "fleet": ("metric_point", "log_event", "span", "alert", "incident", "change_event"),
    "loki": ("log_event",),
    "elasticsearch": ("log_event",),
    "splunk": ("log_event",),
    "jaeger": ("span",),
    "zipkin": ("span",),
    "tempo": ("span",),
    "pagerduty": ("incident", "incident_change"),
    "opsgenie": ("alert", "incident"),
    "servicenow": ("incident", "change_event"),
    "jira": ("incident", "incident_change", "change_event"),
    "github": ("change_event",),
    "kubernetes": ("alert", "change_event"),
    "webhook": ("alert", "incident", "change_event", "feedback"),
    "kafka": ("metric_point", "log_event", "span", "alert", "incident", "incident_change", "change_event"),
}
