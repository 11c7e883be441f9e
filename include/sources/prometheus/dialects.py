"""What each server that speaks Prometheus' API must be told so that its answer is whole and no point is made up.

VictoriaMetrics repeats a sample into a gap for as long as it thinks that the series' interval lasts, and a cached
answer ignores how far back it may look; it is asked for the step at most, and past its cache. Thanos and a
VictoriaMetrics cluster leave out a store that is down unless they are told to fail.
"""

from include.config.options.prometheus import PrometheusOptions
from include.config.source import SourceConfig
from include.http import HttpError, Rejected, Unavailable
from include.sources.base import SourceUnavailable
from include.sources.prometheus.matrix import Matrix

_STORE_DOWN = ("rpc error: code = ", "proxy Series()")
_HARMLESS = ("PromQL ", "No StoreAPIs matched")


def parameters(source: SourceConfig, step: int | None) -> dict[str, str]:
    """Return the form fields that this server needs besides the query.

    `step` is the query's in seconds, or None where the server may look back as far as it likes.
    """
    options = source.options_as(PrometheusOptions)
    lookback = options.lookback.total_seconds() if options.lookback and step else None
    if options.server == "victoriametrics":
        asked = {"nocache": "1", "deny_partial_response": "1"}
        return {**asked, "max_lookback": f"{lookback or step:.0f}s"} if step else asked
    asked = {"lookback_delta": f"{lookback:.0f}s"} if lookback else {}
    if options.server == "thanos":
        asked |= {"dedup": "true", "partial_response": "false", "max_source_resolution": "0s"}
    return asked


def raise_if_store_is_down(source: SourceConfig, error: HttpError) -> None:
    """Raise `Unavailable` where Thanos refuses a query (422) only because one of its stores does not answer."""
    if not isinstance(error, Rejected) or source.options_as(PrometheusOptions).server != "thanos":
        return
    if any(part in error.body for part in _STORE_DOWN):
        raise Unavailable(error.where, error.problem, "Read it again when all its stores are up") from error


def must_be_whole(matrix: Matrix, source: SourceConfig) -> None:
    """Raise `SourceUnavailable` when the server says that a part of its data did not answer."""
    said = next(iter(matrix.warnings), "") if matrix.partial else ""
    if source.options_as(PrometheusOptions).server == "thanos":
        said = next((warning for warning in matrix.warnings if not warning.startswith(_HARMLESS)), said)
    if matrix.partial or said:
        raise SourceUnavailable(
            f"Source {source.name!r} says that its answer is partial{': ' if said else ''}{said}."
            " Read it again when all its stores are up."
        )
