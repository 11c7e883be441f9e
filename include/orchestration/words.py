"""Words of people from the pages, as the API server takes them: into the inbox at once; a task merges them later."""

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import datetime

from include.clock import Clock
from include.config.source import PAGES
from include.errors import AlmanacError
from include.inbox import Delivery, Inbox
from include.inbox.delivery import key_of
from include.inbox.hide import hidden
from include.report.judging import Judgement

MERGE = "merge_feedback"
"""The DAG that merges; whoever may start it may judge."""
_log = logging.getLogger(__name__)


def keeper(inbox: Inbox, clock: Clock, start: Callable[[Delivery], None]) -> Callable[[Judgement], None]:
    """Return what keeps a word and sees to its being merged; where a merge cannot be started, the next one takes it."""

    def keep(word: Judgement) -> None:
        delivery = delivered(word, clock.now())
        inbox.put(delivery)
        try:
            start(delivery)
        except AlmanacError as error:
            _log.warning("%s The next run of %s takes the word.", error, MERGE)

    return keep


def delivered(word: Judgement, now: datetime) -> Delivery:
    """Return a word as a delivery: one per episode and person, of which the newest counts.

    A name that is an e-mail address is cut at its `@`: addresses are not kept.
    """
    person = word.person.partition("@")[0]
    moment = now.replace(microsecond=0).isoformat()
    document = {
        "feedback_id": f"{word.subject}/{hashlib.blake2b(word.person.encode(), digest_size=6).hexdigest()}",
        "subject_kind": "episode",
        "subject_id": word.subject,
        "service": word.service,
        "verdict": word.verdict,
        "comment": word.comment or None,
        "person": person,
        "created_at": moment,
        "deleted": word.taken_back,
    }
    key = key_of(None, json.dumps(document, sort_keys=True).encode())  # twice in a second is one click too many
    return Delivery(PAGES, now, key, hidden(document))
