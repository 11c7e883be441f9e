"""The inbox: what other systems deliver to us by HTTP, kept as it came, until the window's own run reads it.

In: POST requests with a secret or a signature. Out: one small immutable file per delivery, personal data and secrets
already redacted, on any store that universal_pathlib knows; and an answer to the sender once that file is safe.
Read `app.py` first (the way in), then `store.py` (what is kept).
"""

from include.inbox.delivery import Delivery
from include.inbox.store import Inbox, InboxError, inbox_beside

__all__ = ["Delivery", "Inbox", "InboxError", "inbox_beside"]
