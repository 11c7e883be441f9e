"""Settings come from the environment, once, and cannot be changed."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from include.settings import Settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    monkeypatch.setenv("ALMANAC_SHARDS", "7")
    here = Settings()
    assert here.shards == 7
    assert here.warehouse == f"duckdb:///{tmp_path}/warehouse.duckdb"


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALMANAC_UI_PORT", "")
    assert Settings().ui == "http://127.0.0.1:8080"


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().shards = 3


def test_a_setting_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALMANAC_SHARDS", "0")
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Settings()
