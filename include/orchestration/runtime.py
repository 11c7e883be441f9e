"""What every step needs: settings, configuration, the warehouse, a clock and the id of its run."""

import hashlib
import subprocess
from dataclasses import dataclass
from functools import cached_property, lru_cache

from include.clock import Clock, SystemClock
from include.config import Config, load_config
from include.settings import REPOSITORY, Settings, settings
from include.warehouse import Warehouse
from include.window import Grid


@dataclass(frozen=True)
class Runtime:
    """The surroundings of one step; tests build their own."""

    settings: Settings
    config: Config
    clock: Clock
    run_id: str

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse that the settings name."""
        return Warehouse(
            self.settings.warehouse,
            lock_timeout_seconds=self.settings.lock_timeout_seconds,
            task=self.run_id,
            clock=self.clock,
        )

    @property
    def grid(self) -> Grid:
        """The grid of regular windows."""
        return Grid.of(self.settings.grid_minutes)


def runtime(run_id: str) -> Runtime:
    """Return the runtime of this process, for the run of that id."""
    here = settings()
    return Runtime(here, load_config(here.config_dir), SystemClock(), run_id)


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the commit of this checkout, or a hash of the code where there is no git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(REPOSITORY), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return answer.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        digest = hashlib.blake2b(digest_size=6)
        for path in sorted(REPOSITORY.glob("include/**/*.py")):
            digest.update(path.read_bytes())
        return f"files-{digest.hexdigest()}"
