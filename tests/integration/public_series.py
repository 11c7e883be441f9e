"""Public measurements as a Prometheus would hold them: `{selector: (unix seconds, values)}`, all ending at one moment.

Each trace keeps its own spacing and is moved as a whole, so that its last point is where a person's newest would be.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

STEP = 300
Series = dict[str, tuple[list[float], list[float]]]

CLUSTERS = {
    ("google2019.csv", "avg_cpu"): 'cluster_cpu_ratio{job="google"}',
    ("google2019.csv", "avg_mem"): 'cluster_memory_ratio{job="google"}',
    ("google2019.csv", "avg_assigned_mem"): 'cluster_memory_assigned_ratio{job="google"}',
    ("google2019.csv", "avg_cycles_per_instruction"): 'cluster_cycles_per_instruction{job="google"}',
    ("azure_v2.csv", "cpu_usage"): 'cluster_cpu_cores{job="azure"}',
    ("azure_v2.csv", "assigned_mem"): 'cluster_memory_assigned_gb{job="azure"}',
    ("alibaba2018.csv", "cpu_util_percent"): 'cluster_cpu_percent{job="alibaba"}',
    ("alibaba2018.csv", "mem_util_percent"): 'cluster_memory_percent{job="alibaba"}',
    ("alibaba2018.csv", "net_in"): 'cluster_network_in{job="alibaba"}',
    ("alibaba2018.csv", "net_out"): 'cluster_network_out{job="alibaba"}',
    ("alibaba2018.csv", "disk_io_percent"): 'cluster_disk_io_percent{job="alibaba"}',
}
CLOUDWATCH = {
    "ec2_cpu_utilization": 'aws_cpu_percent{{job="ec2",instance="{0}"}}',
    "rds_cpu_utilization": 'aws_cpu_percent{{job="rds",instance="{0}"}}',
    "ec2_disk_write_bytes": 'aws_disk_write_bytes{{job="ec2",instance="{0}"}}',
    "ec2_network_in": 'aws_network_in_bytes{{job="ec2",instance="{0}"}}',
    "iio_us-east-1_i-a2eb1cd9_NetworkIn": 'aws_network_in_bytes{{job="ec2",instance="a2eb1cd9"}}',
    "elb_request_count": 'aws_requests{{job="elb",instance="{0}"}}',
    "grok_asg_anomaly": 'aws_instances{{job="asg",instance="grok"}}',
}


def cluster_traces(folder: Path, last: datetime) -> Series:
    """Return usage every 300 s: Google 21 days, Azure 23, Alibaba 5.8."""
    found: Series = {}
    for (file, column), selector in CLUSTERS.items():
        values = pd.read_csv(folder / file)[column].to_numpy(np.float64)
        times = last.timestamp() - STEP * np.arange(len(values))[::-1]
        found[selector] = (times.tolist(), values.tolist())
    return found


def cloudwatch(folder: Path, last: datetime) -> Series:
    """Return 17 series of Amazon CloudWatch, 4 to 17 days long; of two values for one time the later line counts."""
    found: Series = {}
    for file in sorted(folder.glob("*.csv")):
        frame = pd.read_csv(file, parse_dates=["timestamp"]).drop_duplicates("timestamp", keep="last")
        frame = frame.sort_values("timestamp")
        times = last.timestamp() - (frame["timestamp"].iloc[-1] - frame["timestamp"]).dt.total_seconds()
        family = next(family for family in CLOUDWATCH if file.stem.startswith(family))
        selector = CLOUDWATCH[family].format(file.stem.rpartition("_")[2])
        found[selector] = (times.tolist(), frame["value"].astype(float).tolist())
    return found


def newest(now: datetime) -> datetime:
    """Return the last full hour at or before a moment.

    The main job works up to the full hour. Fourteen days that end later would be an hour short of fourteen there.
    """
    return datetime.fromtimestamp(now.timestamp() // 3600 * 3600, UTC)
