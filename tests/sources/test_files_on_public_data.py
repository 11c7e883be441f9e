"""The files source reads public data sets with YAML only; the counts below were counted with wc and jq."""

from pathlib import Path

import pytest
import yaml

from include.window import Window
from tests.sources.conftest import Ask

pytestmark = pytest.mark.needs("data")


def opened(text: str, data_dir: Path) -> tuple[dict, dict]:
    document = yaml.safe_load(text)
    source = document["source"]
    source["path"] = str(data_dir / source["path"])
    return source, document["query"]


NEZHA = """
source:
  type: files
  path: nezha/rca_data/2023-01-29
  layout:
    files: metric/*_metric.csv.gz
    time: TimeStamp
    time_unit: s
    time_align: 1m
    labels: {pod: PodName}
query: {expr: CpuUsageRate(%), service_label: pod, unit: "%"}
"""


def test_nezha_wide_metrics_per_pod(data_dir: Path) -> None:
    source, query = opened(NEZHA, data_dir)
    table = Ask.table(Ask.metrics(source, query), Window.parse("2023-01-29T09"))
    frame = table.to_pandas()
    assert frame["labels"].nunique() == 46
    assert len(frame) == 46 * 60
    assert not frame.duplicated(["labels", "ts"]).any()
    assert frame["raw"].isna().all()
    assert (frame["ts"].dt.second == 0).all()


FAULTS = """
source:
  type: files
  path: nezha/rca_data/2023-01-29
  feeds: {}
query:
  dataset: incident
  layout:
    files: "*-fault_list.json"
    records: "*"
    time: inject_time
    labels: {fault: inject_type}
    columns:
      incident_id: "{inject_pod}/{inject_time}"
      title: "{inject_type} on {inject_pod}"
      service: inject_pod
      cause: inject_type
    defaults: {status: resolved, severity: HIGH}
"""


def test_nezha_fault_list_as_incidents(data_dir: Path) -> None:
    source, query = opened(FAULTS, data_dir)
    rows = Ask.rows(Ask.feed(source, query), Window.parse("2023-01-29/2023-01-30"))
    assert len(rows) == 28
    first = rows[0]
    assert first["incident_id"] == "ts-contacts-service-866bd68c97-xcqfx/2023-01-29 08:43:04"
    assert first["title"] == "return on ts-contacts-service-866bd68c97-xcqfx"
    assert first["opened_at"].isoformat() == "2023-01-29T08:43:04+00:00"
    assert first["labels"] == '{"fault":"return"}'
    assert (first["status"], first["severity"], first["deleted"], first["raw"]) == ("resolved", "HIGH", False, None)


NAB = """
source:
  type: files
  path: nab/data/realAWSCloudwatch
  layout:
    files: "*.csv"
    time: timestamp
    value: value
    labels_from_path: "/(?P<series>[^/]+)\\\\.csv$"
query: {expr: any}
"""


def test_nab_one_file_per_series(data_dir: Path) -> None:
    source, query = opened(NAB, data_dir)
    table = Ask.table(Ask.metrics(source, query), Window.parse("2013-01-01/2016-01-01"))
    frame = table.to_pandas()
    assert frame["labels"].nunique() == 17
    assert '{"series":"ec2_cpu_utilization_24ae8d"}' in set(frame["labels"])
    assert frame["raw"].isna().all()
    lines = sum(
        len(path.read_text().splitlines()) - 1 for path in (data_dir / "nab/data/realAWSCloudwatch").glob("*.csv")
    )
    repeats = lines - len(frame)
    assert 0 <= repeats < 30


MONITORING = """
source:
  type: files
  path: cloud-monitoring/data
  layout:
    files: "*/*.csv"
    time: TimeStamp
    value: Value
    labels_from_path: "(?P<family>[^/]+)/(?P<series>[^/]+)\\\\.csv$"
query: {expr: any, minimum: null}
"""


def test_cloud_monitoring_with_two_forms_of_time(data_dir: Path) -> None:
    source, query = opened(MONITORING, data_dir)
    table = Ask.table(Ask.metrics(source, query), Window.parse("2018-01-01/2019-01-01"))
    frame = table.to_pandas()
    files = list((data_dir / "cloud-monitoring/data").glob("*/*.csv"))
    assert frame["labels"].nunique() == len(files)
    empty = frame[frame["raw"].notna()]
    assert len(empty) == 42
    assert empty["value"].isna().all()
    assert empty["raw"].str.contains('"Value": ""', regex=False).all()


TRACES = """
source:
  type: files
  path: cluster-traces
  layout:
    files: google2019.csv
    time_start: 2019-05-01
    time_step: 5m
    shift: 2700d
    constants: {cluster: google}
query: {expr: /avg_.*/}
"""


def test_cluster_traces_without_a_time_column_and_moved_to_recent_days(data_dir: Path) -> None:
    source, query = opened(TRACES, data_dir)
    source["layout"]["time_start"] = str(source["layout"]["time_start"])
    table = Ask.table(Ask.metrics(source, query), Window.parse("2026-09-21/2026-09-22"))
    frame = table.to_pandas()
    assert sorted(frame["labels"].unique()) == [
        '{"cluster":"google","metric":"avg_assigned_mem"}',
        '{"cluster":"google","metric":"avg_cpu"}',
        '{"cluster":"google","metric":"avg_cycles_per_instruction"}',
        '{"cluster":"google","metric":"avg_mem"}',
    ]
    assert len(frame) == 4 * 288
    cpu = frame[frame["labels"] == '{"cluster":"google","metric":"avg_cpu"}']
    assert cpu["value"].iloc[0] == 0.4416155843647663
