"""Lists of Kubernetes in chunks, by `limit` and `continue`; a list whose token expired is begun again."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from include.http import AnswerInvalid, HttpClient, Rejected, Unavailable
from include.http.client import Page

T = TypeVar("T")
CHUNK = 500
_READS = 3
_GONE = 410


def chunks(client: HttpClient, path: str, params: Mapping[str, str]) -> Iterator[Page]:
    """Yield the chunks of one consistent list.

    Raises `Rejected` with status 410 when the cluster has forgotten the list: then what came is only its beginning.
    """
    token = ""
    while True:
        asked = {**params, "limit": CHUNK, **({"continue": token} if token else {})}
        page = client.get_page(path, asked)
        listed = page.document if isinstance(page.document, dict) else {}
        if not isinstance(listed.get("items"), list) or not isinstance(listed.get("metadata"), dict):
            raise AnswerInvalid(path, "did not answer with a list", "Check that url is that of the API server")
        yield page
        following = listed["metadata"].get("continue") or ""
        if following and following == token:
            raise Unavailable(path, "named the same chunk as its next one again", "Read it again")
        if not following:
            return
        token = following


def whole(client: HttpClient, path: str, params: Mapping[str, str], keep: Callable[[Page], list[T]]) -> list[T]:
    """Return what `keep` makes of each chunk of a list, from one read of it that went through.

    Raises `Unavailable` when the list expired each time before its end.
    """
    for _ in range(_READS):
        try:
            return [kept for page in chunks(client, path, params) for kept in keep(page)]
        except Rejected as error:
            if error.status != _GONE:
                raise
    raise Unavailable(path, f"forgot its list before the end, {_READS} times", "Name namespaces, and try again later")
