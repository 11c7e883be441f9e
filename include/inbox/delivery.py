"""One delivery: what came, when, and by what it is known again when the sender sends it twice."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.window import WindowError, parse_time


@dataclass(frozen=True)
class Delivery:
    """A delivery to one source, as it is kept.

    `delivery_id` is the sender's own id of it, or None where the sender has none; `key` stands for that id, or else
    for the body. `document` is the body as JSON; of a file that cannot be read, None with the file's text in `broken`.
    """

    source: str
    received: datetime
    key: str
    document: Any
    delivery_id: str | None = None
    broken: str | None = None

    def to_json(self) -> str:
        """Return the file's text; `from_json` reads it back."""
        said = {
            "source": self.source,
            "received_at": self.received.isoformat(),
            "key": self.key,
            "delivery_id": self.delivery_id,
            "document": self.document,
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, source: str, received: datetime) -> "Delivery":
        """Read a file's text; `source` and `received` are what its path says."""
        try:
            said = json.loads(text)
            return cls(source, parse_time(said["received_at"]), said["key"], said["document"], said["delivery_id"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, WindowError):
            return cls(source, received, "", None, broken=text)


def key_of(delivery_id: str | None, body: bytes) -> str:
    """Return what a delivery is known by: a hash of the sender's id of it, or of its body where it has none."""
    known = b"id\x1f" + delivery_id.encode("utf-8", "replace") if delivery_id else b"body\x1f" + body
    return hashlib.blake2b(known, digest_size=16).hexdigest()
