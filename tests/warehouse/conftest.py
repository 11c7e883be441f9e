"""A migrated warehouse on each engine."""

import pytest

from include.warehouse import Warehouse


@pytest.fixture
def warehouse(warehouse_url: str) -> Warehouse:
    """Return an empty warehouse at the code's revision."""
    house = Warehouse(warehouse_url, lock_timeout_seconds=20, task="test")
    house.migrate()
    return house
