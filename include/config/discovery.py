"""What a running Prometheus holds: its metrics, their types and labels, asked over its HTTP API."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import httpx

from include.errors import AlmanacError


class DiscoveryError(AlmanacError):
    """A Prometheus that cannot be asked, or a folder that would be overwritten."""


@dataclass(frozen=True, eq=False)
class Prometheus:
    """Asks one server. Each method raises `DiscoveryError` when the server does not answer as Prometheus does."""

    client: httpx.Client

    def metric_names(self) -> set[str]:
        """Return every metric name."""
        return set(self._texts("/api/v1/label/__name__/values", {}))

    def metric_types(self) -> dict[str, str]:
        """Return the type of each metric that has metadata: counter, gauge, histogram and others."""
        answer = self._get("/api/v1/metadata", {})
        if not isinstance(answer, dict):
            raise DiscoveryError(f"{self.client.base_url}/api/v1/metadata answered without metadata. Is it Prometheus?")
        return {name: str(entries[0].get("type")) for name, entries in answer.items() if entries}

    @lru_cache(maxsize=4096)  # noqa: B019  one short-lived object per run of `discover`
    def label_names(self, metric: str) -> frozenset[str]:
        """Return the labels of a metric."""
        return frozenset(self._texts("/api/v1/labels", {"match[]": metric}))

    @lru_cache(maxsize=4096)  # noqa: B019
    def label_values(self, label: str, metric: str) -> frozenset[str]:
        """Return the values that a label has on a metric."""
        return frozenset(self._texts(f"/api/v1/label/{label}/values", {"match[]": metric}))

    def _texts(self, path: str, parameters: Mapping[str, str]) -> list[str]:
        answer = self._get(path, parameters)
        if not isinstance(answer, list):
            raise DiscoveryError(f"{self.client.base_url} did not answer {path} with a list. Is it Prometheus?")
        return [str(item) for item in answer]

    def _get(self, path: str, parameters: Mapping[str, str]) -> object:
        base = str(self.client.base_url).rstrip("/")
        try:
            response = self.client.get(path.lstrip("/"), params=dict(parameters))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DiscoveryError(f"{base} cannot be reached ({error}). Check the address and that it runs.") from error
        if response.status_code in {401, 403}:
            answered = f"{base} refused the login ({response.status_code})."
            raise DiscoveryError(f"{answered} Give --login with --password-file, or --token-file.")
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.status_code != 200 or not isinstance(body, dict) or body.get("status") != "success":
            detail = body.get("error", "") if isinstance(body, dict) else "no JSON"
            raise DiscoveryError(f"{base}{path} answered {response.status_code} ({detail}). Is it Prometheus?")
        return body.get("data")
