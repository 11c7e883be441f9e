"""What a source said, kept as it was said, so that a load can be repeated without asking the source again.

In: redacted record batches of one scope. Out: an immutable Parquet partition with a manifest (rows, schema, checksum)
on any store that universal_pathlib knows: a folder, S3, GCS, Azure. A partition exists when its manifest does.
Read `write.py` first, then `partition.py`.
"""

from include.landing.partition import (
    Landed,
    LandingDamagedError,
    LandingError,
    landed_at,
    landed_partitions,
    read_landed,
    remove_landed,
    remove_unfinished,
)
from include.landing.write import LandingFullError, land, new_load_id

__all__ = [
    "Landed",
    "LandingDamagedError",
    "LandingError",
    "LandingFullError",
    "land",
    "landed_at",
    "landed_partitions",
    "new_load_id",
    "read_landed",
    "remove_landed",
    "remove_unfinished",
]
