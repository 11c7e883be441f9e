"""Every figure of anomaly detection: machines of several metrics, single series, fleets."""

from collections.abc import Iterator

from benchmarks import fleet, machines, single_series
from benchmarks.result import Options, Row, run


def measure(options: Options) -> Iterator[Row]:
    """Yield the rows of every data set that was asked for."""
    yield from machines.measure(options)
    yield from single_series.measure(options)
    yield from fleet.measure(options)


if __name__ == "__main__":
    run("anomaly", __doc__, measure)
