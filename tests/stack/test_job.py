"""What the main job says at its end."""

from pathlib import Path

import pytest

from include.clock import SystemClock
from include.config import load_config
from include.settings import Settings
from include.stack.job import Job
from include.stack.processes import StackError
from include.stack.terminal import Terminal


def test_what_went_wrong_is_said_at_the_end_each_cause_once(tmp_path: Path):
    settings = Settings(home=tmp_path)
    job = Job(settings, load_config(settings.config_dir), SystemClock(), Terminal())
    job.must_be_whole()
    job.problems += [
        "ingest_metrics (one) failed in load[0]. It said: Source 'shop' cannot be reached.",
        "report_slo (two) failed.",
        "ingest_metrics (three) failed in load[0]. It said: Source 'shop' cannot be reached.",
    ]
    with pytest.raises(StackError) as error:
        job.must_be_whole()
    assert str(error.value).splitlines()[1:3] == [
        "  - ingest_metrics (one) failed in load[0]. It said: Source 'shop' cannot be reached.",
        "  - report_slo (two) failed.",
    ]
