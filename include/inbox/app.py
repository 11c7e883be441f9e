"""The way in: POST a delivery to `/<source>`, with its secret or its signature, and it is kept before it is answered.

Whoever mounts it says by functions which doors there are, what keeps a delivery and what to start when one has come;
the app itself knows nothing of Airflow or of configuration files. What it answers:

202 kept, or known already · 400 no JSON · 401 no such door, or not for this sender · 413 too large · 415 another
content type · 429 too often · 503 cannot be kept now, too slow, or too much at once: try again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from include.clock import Clock
from include.errors import AlmanacError
from include.inbox.body import BodyError, at_path, parse_body
from include.inbox.delivery import Delivery, key_of
from include.inbox.door import CLOSED, DELIVERY, Door, is_signed, knows_secret, shows_signature
from include.inbox.hide import hidden
from include.inbox.pace import Pace
from include.inbox.store import Inbox

BODY_SECONDS = 10.0
"""How long a sender may take over one body."""
MOST_BYTES_AT_ONCE = 64 << 20
"""How much of unfinished bodies is held at one time, of all senders together."""
THREADS = 8
"""Threads of the app's own, so that a flood of deliveries takes none from the server that it is mounted in."""
LONGEST_ID = 500

Doors = Callable[[], Mapping[str, Door]]
Trigger = Callable[[Delivery], None]
T = TypeVar("T")
_log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818 - reads as a sentence
    """An answer other than 202: its status, a sentence, and headers."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Entrance:
    """What the app holds between two requests."""

    def __init__(self, doors: Doors, inbox: Inbox, trigger: Trigger, clock: Clock, body_seconds: float) -> None:
        self._doors, self._inbox, self._trigger, self._clock = doors, inbox, trigger, clock
        self._body_seconds = body_seconds
        self._pace = Pace()
        self._threads = CapacityLimiter(THREADS)
        self._held = 0

    async def receive(self, request: Request) -> Response:
        """Answer one delivery."""
        try:
            return await self._let_in(request)
        except _Refused as refused:
            # The rest of a body that nobody reads must not be taken for the next request.
            headers = {"Connection": "close", "Cache-Control": "no-store", **refused.headers}
            return JSONResponse({"detail": refused.detail}, refused.status, headers)
        except ClientDisconnect:
            return Response(status_code=400)

    async def _let_in(self, request: Request) -> Response:
        received = self._clock.now()
        try:
            doors = await self._in_thread(self._doors)
        except AlmanacError as error:
            _log.error("No delivery can be let in: %s", error)
            raise _Refused(503, "Deliveries cannot be taken now. Try again.", Retry_After="30") from None
        door = doors.get(request.path_params["source"], CLOSED)
        admitted = knows_secret(door, request.headers)
        if not admitted and not shows_signature(request.headers):
            raise _not_yours()
        _check_form(request)
        # Who is not known yet may send what any door takes: an answer by size would tell which doors there are.
        most = door.limit if admitted else max(one.limit for one in (CLOSED, *doors.values()))
        body = await self._body(request, most)
        if not admitted and not is_signed(door, request.headers, body, received):
            raise _not_yours()
        if len(body) > door.limit:
            raise _too_large(door.limit)
        if seconds := self._pace.wait(door.source, door.per_minute):
            raise _Refused(429, f"More than {door.per_minute} deliveries a minute.", Retry_After=str(seconds))
        named = request.headers.get(DELIVERY)
        delivery, is_new = await self._in_thread(lambda: self._keep(door, named, body, received))
        answer = {"id": delivery.key, "duplicate": not is_new}
        then = BackgroundTask(self._start, delivery) if is_new else None
        return JSONResponse(answer, 202, {"Cache-Control": "no-store"}, background=then)

    async def _body(self, request: Request, most: int) -> bytes:
        """Return the body; stop at the first byte too many, and when it takes too long."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > most:
            raise _too_large(most)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    self._held += len(chunk)
                    if size > most:
                        raise _too_large(most)
                    if self._held > MOST_BYTES_AT_ONCE:
                        raise _Refused(503, "Too many deliveries at once. Try again.", Retry_After="5")
                    chunks.append(chunk)
        except TimeoutError:
            # Not 408: Alertmanager and Datadog try again after 5xx only.
            detail = f"The body did not come within {self._body_seconds:g} seconds. Try again."
            raise _Refused(503, detail, Retry_After="5") from None
        finally:
            self._held -= size
        return b"".join(chunks)

    def _keep(self, door: Door, named: str | None, body: bytes, received: Any) -> tuple[Delivery, bool]:
        try:
            document = parse_body(body)
        except BodyError as error:
            raise _Refused(400, str(error)) from None
        said = _delivery_id(door, named, document)
        # The key is that of the id as it was said: two that look alike once redacted are still two.
        key, shown = key_of(said, body), hidden({"id": said, "document": document}, door.redaction)
        delivery = Delivery(door.source, received, key, shown["document"], shown["id"])
        try:
            return delivery, self._inbox.put(delivery)
        except AlmanacError as error:
            _log.error("%s", error)
            raise _Refused(503, "The delivery was not kept. Try again.", Retry_After="30") from None

    async def _start(self, delivery: Delivery) -> None:
        try:
            await self._in_thread(lambda: self._trigger(delivery))
        except AlmanacError as error:
            _log.warning("%s The window's own run reads the delivery.", error)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await run_sync(work, limiter=self._threads)


def create_app(
    doors: Doors, inbox: Inbox, trigger: Trigger, clock: Clock, *, body_seconds: float = BODY_SECONDS
) -> Starlette:
    """Return the app.

    `doors` gives the door of each source, `inbox` keeps deliveries, and `trigger` is called after the answer with each
    delivery that is new; of these three only an `AlmanacError` is expected. All are called in threads.
    """
    entrance = _Entrance(doors, inbox, trigger, clock, body_seconds)
    routes = [Route("/{source:path}", entrance.receive, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={Exception: _failed})


def _check_form(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise _Refused(415, "Send JSON with Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Refused(415, "Send the body as it is, without Content-Encoding.")


def _delivery_id(door: Door, named: str | None, document: Any) -> str | None:
    """Return the sender's own id of a delivery: PagerDuty's event, Datadog's event, or what a generic sender says."""
    paths: dict[str, list[str | None]] = {
        "pagerduty": ["event.id"],
        "datadog": ["id", "alert_transition"],
        "generic": [door.delivery_id],
    }
    said = [at_path(document, path) for path in paths.get(door.provider, []) if path]
    if door.provider == "generic" and named:
        said = [named]
    words = [str(one) for one in said if isinstance(one, str | int) and not isinstance(one, bool)]
    if not words or not words[0].strip() or words[0].startswith("$") or len("".join(words)) > LONGEST_ID:
        return None
    return "/".join(words)


def _not_yours() -> _Refused:
    return _Refused(401, "No such delivery is expected from this sender.", WWW_Authenticate="Bearer")


def _too_large(most: int) -> _Refused:
    return _Refused(413, f"A delivery may have {most:,} bytes.")


async def _failed(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"detail": "The delivery was not kept. Try again."}, 500, {"Retry-After": "30"})
