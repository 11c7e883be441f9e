"""Datadog: metrics and log lines."""
