"""The YAML that users edit, checked and as one frozen value.

In comes a folder (services, sources, queries, limits, calendar, logs, mail, slos/*.yaml); out comes a `Config`, or a
`ConfigError` that names file, line, key, what was found and what is allowed, for every problem at once.
Read `load.py` first, then `configuration.py`; `discovery.py` writes such a folder for a running Prometheus.
"""

from include.config.configuration import Config
from include.config.load import load_config
from include.config.logs import LogRules
from include.config.problem import ConfigError, Problem
from include.config.query import MetricQuery
from include.config.service import Service
from include.config.source import Feed, SourceConfig

__all__ = [
    "Config",
    "ConfigError",
    "Feed",
    "LogRules",
    "MetricQuery",
    "Problem",
    "Service",
    "SourceConfig",
    "load_config",
]
