"""What clients have asked for and got."""

from dataclasses import dataclass


@dataclass
class Tally:
    """Requests that were sent, retries included, and bytes of the answers, unpacked."""

    requests: int = 0
    received: int = 0
