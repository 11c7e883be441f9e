"""The HTTP client: authentication, retries, time-outs, TLS and size limits in one place.

A request is tried again with exponential back-off and full jitter on connection errors, time-outs, 429 and 5xx, and
on half an answer; `Retry-After` is obeyed up to a cap. Everything else fails at once. Redirects are refused, so that
credentials never follow one to another host.
"""

import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from include.clock import Clock, SystemClock
from include.http.answer import excerpt, read_json
from include.http.credentials import Credentials
from include.http.errors import AnswerTooLarge, Rejected, Unavailable
from include.http.limits import Pace, wanted_wait
from include.http.stream import lines_of
from include.http.tally import Tally

T = TypeVar("T")
USER_AGENT = "almanac/0.1"
MEBIBYTE = 2**20
_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_ADVICE = {
    401: "Check the login, password or token of its connection",
    403: "Give its account the right to read this",
    404: "Check the address",
}


@dataclass(frozen=True)
class Page:
    """A parsed JSON answer, and the headers that came with it."""

    document: Any
    headers: httpx.Headers

    @property
    def next(self) -> str | None:
        """The address of the next page, from the `Link` header (RFC 8288), or None on the last one."""
        links = httpx.Response(200, headers=self.headers).links
        return links.get("next", {}).get("url")


class HttpClient:
    """Talks to one system. Use it as a context manager, or call `close`; it may be shared by threads."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None = None,
        *,
        timeout_seconds: float = 30.0,
        attempts: int = 4,
        longest_wait_seconds: float = 60.0,
        max_bytes: int = 256 * MEBIBYTE,
        requests_per_second: float | None = None,
        scheme: str = "Bearer",
        headers: Mapping[str, str] | None = None,
        tally: Tally | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Clock | None = None,
    ) -> None:
        """Build a client of `base_url`.

        `timeout_seconds` bounds a whole attempt, `attempts` counts the first one too, `longest_wait_seconds` caps both
        the back-off and `Retry-After`, `max_bytes` bounds one decoded answer, `requests_per_second` bounds how often it
        is asked. A token is sent as `Authorization: <scheme> <token>`; a system that wants its login in headers of its
        own gets them by `headers`, and then no `Authorization` is sent. `tally` counts what is asked and answered.
        """
        who = credentials or Credentials()
        self._timeout = timeout_seconds
        self._attempts = attempts
        self._longest_wait = longest_wait_seconds
        self._max_bytes = max_bytes
        self._tally = tally or Tally()
        self._sleep = sleep
        self._clock = clock or SystemClock()
        self._backoff = wait_random_exponential(multiplier=0.5, max=longest_wait_seconds)
        self._pace = Pace(requests_per_second, sleep)
        self._client = httpx.Client(
            base_url=base_url,
            auth=None if headers else _auth(who, scheme),
            headers={"User-Agent": USER_AGENT, **who.extra, **(headers or {})},
            timeout=httpx.Timeout(timeout_seconds),
            verify=_trust(who.verify),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get_json(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the parsed JSON answer of a GET."""
        return self.fetch("GET", path, read_json, params=params)

    def get_page(self, path: str, params: Mapping[str, Any] | None = None) -> Page:
        """Return the parsed JSON answer of a GET with its headers, for a system that pages by headers."""
        return self._tried(
            "GET", path, lambda body, where, headers: Page(read_json(body, where), headers), params=params
        )

    def fetch(
        self,
        method: str,
        path: str,
        read: Callable[[bytes, str], T],
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> T:
        """Send one request, with retries, and return what `read(body, where)` makes of the answer.

        `path` may be a whole address that the system named as its next page, if that is on the same host.
        Raises `Unavailable` after the last attempt, `Rejected` or `AnswerInvalid` at once. `read` may raise
        `Unavailable` for half an answer, which is then tried again.
        """
        return self._tried(method, path, lambda body, where, _: read(body, where), params=params, form=form, json=json)

    def lines(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> Iterator[bytes]:
        """Yield the lines of one answer as they come, without their ends and without blank ones.

        Memory holds one line, and `max_bytes` bounds it. `timeout_seconds` bounds the wait for each next byte. The
        request is tried again until the first byte has come and never after it, for then half an answer has been
        handed on: a stream that is cut is `Unavailable` at once.
        """

        def begin() -> tuple[bytes, Generator[bytes], str]:
            request, where = self._request(method, path, params=params, data=form, json=json)
            blocks = self._blocks(request, where)
            return next(blocks, b""), blocks, where

        first, blocks, where = self._retried(begin)
        with closing(blocks):
            yield from lines_of(chain([first], blocks), self._max_bytes, where)

    def _tried(
        self,
        method: str,
        path: str,
        read: Callable[[bytes, str, httpx.Headers], T],
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> T:
        def attempt() -> T:
            request, where = self._request(method, path, params=params, data=form, json=json)
            body, headers = self._send(request, where)
            return read(body, where, headers)

        return self._retried(attempt)

    def _request(self, method: str, path: str, **content: Any) -> tuple[httpx.Request, str]:
        """Return a request whose turn it is, and its address without query or credentials."""
        request = self._client.build_request(method, path, **content)
        where = f"{request.url.copy_with(query=None, username=None, password=None)}"
        self._must_stay(request, where)
        self._pace.wait()
        self._tally.requests += 1
        return request, where

    def _retried(self, attempt: Callable[[], T]) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception_type(Unavailable),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Unavailable) and error.retry_after_seconds is not None:
            return min(error.retry_after_seconds, self._longest_wait)
        return self._backoff(state)

    def _must_stay(self, request: httpx.Request, where: str) -> None:
        """Refuse a next page on another host: credentials would follow it there."""
        base = self._client.base_url
        if (request.url.scheme, request.url.host, request.url.port) != (base.scheme, base.host, base.port):
            raise Rejected(where, f"is not on {base.host}", "Set url to the address that the system itself names")

    def _send(self, request: httpx.Request, where: str) -> tuple[bytes, httpx.Headers]:
        started = time.monotonic()
        with _transport_errors(where, self._timeout):
            response = self._client.send(request, stream=True)
            try:
                limit = self._max_bytes if response.is_success else 64 * 1024
                body = bytearray()
                for block in response.iter_bytes():
                    body += block
                    self._tally.received += len(block)
                    if len(body) > limit:
                        break
                    if time.monotonic() - started > self._timeout:
                        raise httpx.ReadTimeout("the whole answer took too long", request=request)
            finally:
                response.close()
        if not response.is_success:
            raise self._refusal(response, bytes(body), where)
        if len(body) > limit:
            raise AnswerTooLarge(
                where,
                f"sent more than the limit of {self._max_bytes / MEBIBYTE:,.0f} MiB",
                "Ask for fewer series or a shorter window, or raise max_answer_mebibytes of the source",
            )
        return bytes(body), response.headers

    def _blocks(self, request: httpx.Request, where: str) -> Generator[bytes]:
        with _transport_errors(where, self._timeout):
            response = self._client.send(request, stream=True)
            try:
                if response.is_success:
                    for block in response.iter_bytes():
                        self._tally.received += len(block)
                        yield block
                    return
                body = b"".join(islice(response.iter_bytes(4096), 16))
            finally:
                response.close()
        raise self._refusal(response, body, where)

    def _refusal(self, response: httpx.Response, body: bytes, where: str) -> Unavailable | Rejected:
        status = response.status_code
        said = f"answered {status} {response.reason_phrase}".strip() + (f": {excerpt(body, 300)}" if body else "")
        # GitHub answers 403 when its limit is spent, and 403 with Retry-After when it is asked too fast.
        asked_to_wait = response.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in response.headers
        spent = status in {403, 429} and asked_to_wait
        if status in _RETRIED or spent:
            wait = wanted_wait(response.headers, self._clock)
            remedy = "It asks for fewer requests; try again later" if status == 429 or spent else "Try again later"
            return Unavailable(where, said, remedy, wait)
        if response.is_redirect:
            target = response.headers.get("Location", "another address")
            return Rejected(
                where, f"answered {status} and points to {target}", "Set that address, if it is right", status
            )
        text = body.decode("utf-8", "replace")
        return Rejected(
            where, said, _ADVICE.get(status, "Check the request that this source is configured for"), status, text
        )


def _auth(who: Credentials, scheme: str) -> httpx.Auth | None:
    if who.token:
        return _Token(scheme, who.token)
    return httpx.BasicAuth(who.login, who.password) if who.login else None


class _Token(httpx.Auth):
    def __init__(self, scheme: str, token: str) -> None:
        self._header = f"{scheme} {token}"

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        request.headers["Authorization"] = self._header
        yield request


def _trust(verify: bool | str) -> ssl.SSLContext | bool:
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    return _usual_authorities() if verify else False


@cache
def _usual_authorities() -> ssl.SSLContext:
    """Return the context of a client that trusts the usual authorities: reading them takes 20 to 50 ms."""
    return httpx.create_ssl_context()


@contextmanager
def _transport_errors(where: str, timeout_seconds: float) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise Unavailable(
            where, f"did not answer within {timeout_seconds:g} s", "Try again, or raise timeout_seconds of the source"
        ) from error
    except httpx.RemoteProtocolError as error:
        raise Unavailable(
            where, f"sent half an answer ({error})", "Ask again; if it stays, look for a proxy that cuts long answers"
        ) from error
    except httpx.TransportError as error:
        certificate = _certificate_problem(error)
        if certificate:
            raise Rejected(
                where,
                f"shows a certificate that is not valid: {certificate}",
                "Renew it, or name the CA file that signed it",
            ) from error
        raise Unavailable(
            where, f"cannot be reached ({error})", "Check that it runs and that the address is right"
        ) from error
    except httpx.DecodingError as error:
        raise Unavailable(where, f"sent an answer that cannot be decompressed ({error})", "Ask again") from error


def _certificate_problem(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return ""
