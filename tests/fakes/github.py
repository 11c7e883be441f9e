"""A fake GitHub: deployments, their statuses, releases.

Formats: https://docs.github.com/en/rest/deployments/deployments, …/deployments/statuses, …/releases/releases; pages
with `Link` at https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api (30 a page, at most
100); refusals at https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

TOKEN = "github_pat_11AA"
# The documentation's own examples, shortened.
DEPLOYMENT: dict[str, Any] = {
    "url": "https://api.github.com/repos/octocat/example/deployments/1",
    "id": 1,
    "node_id": "MDEwOkRlcGxveW1lbnQx",
    "sha": "a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d",
    "ref": "topic-branch",
    "task": "deploy",
    "payload": {},
    "original_environment": "staging",
    "environment": "production",
    "description": "Deploy request from hubot",
    "creator": {"login": "octocat", "id": 1, "type": "User", "site_admin": False},
    "created_at": "2012-07-20T01:19:13Z",
    "updated_at": "2012-07-20T01:19:13Z",
    "statuses_url": "https://api.github.com/repos/octocat/example/deployments/1/statuses",
    "repository_url": "https://api.github.com/repos/octocat/example",
    "transient_environment": False,
    "production_environment": True,
}
STATUS: dict[str, Any] = {
    "url": "https://api.github.com/repos/octocat/example/deployments/42/statuses/1",
    "id": 1,
    "node_id": "MDE2OkRlcGxveW1lbnRTdGF0dXMx",
    "state": "success",
    "creator": {"login": "octocat", "id": 1, "type": "User", "site_admin": False},
    "description": "Deployment finished successfully.",
    "environment": "production",
    "target_url": "https://example.com/deployment/42/output",
    "created_at": "2012-07-20T01:19:13Z",
    "updated_at": "2012-07-20T01:19:13Z",
    "deployment_url": "https://api.github.com/repos/octocat/example/deployments/42",
    "repository_url": "https://api.github.com/repos/octocat/example",
    "environment_url": "https://test-branch.lab.acme.com",
    "log_url": "https://example.com/deployment/42/output",
}
RELEASE: dict[str, Any] = {
    "url": "https://api.github.com/repos/octocat/Hello-World/releases/1",
    "html_url": "https://github.com/octocat/Hello-World/releases/v1.0.0",
    "id": 1,
    "node_id": "MDc6UmVsZWFzZTE=",
    "tag_name": "v1.0.0",
    "target_commitish": "master",
    "name": "v1.0.0",
    "body": "Description of the release",
    "draft": False,
    "prerelease": False,
    "created_at": "2013-02-27T19:35:32Z",
    "published_at": "2013-02-27T19:35:32Z",
    "author": {"login": "octocat", "id": 1, "type": "User", "site_admin": False},
    "assets": [],
}


class FakeGitHub(FakeApi):
    """Repositories `octocat/example`; `before_page` is called before each page with how many were asked before."""

    def __init__(self) -> None:
        super().__init__()
        self.deployments: list[dict[str, Any]] = []
        self.statuses: dict[int, list[dict[str, Any]]] = {}
        self.releases: list[dict[str, Any]] = []
        self.before_page: Callable[[int], None] = lambda _: None

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}, 401)
        self.before_page(len(self.asked) - 1)
        parts = asked.path.strip("/").split("/")
        if parts[:3] != ["repos", "octocat", "example"]:
            return Reply({"message": "Not Found"}, 404)
        match parts[3:]:
            case ["deployments"]:
                return self._page(asked, sorted(self.deployments, key=lambda one: -one["id"]))
            case ["deployments", number, "statuses"]:
                return self._page(asked, sorted(self.statuses.get(int(number), []), key=lambda one: -one["id"]))
            case ["releases"]:
                return self._page(asked, sorted(self.releases, key=lambda one: one["created_at"], reverse=True))
        return Reply({"message": "Not Found"}, 404)

    def _page(self, asked: Asked, records: list[dict[str, Any]]) -> Reply:
        size, number = min(int(asked.one("per_page", "30")), 100), int(asked.one("page", "1"))
        headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999"}
        if len(records) > size * number:
            more = f"{self.url}{asked.path}?per_page={size}&page={number + 1}"
            headers["Link"] = f'<{more}>; rel="next", <{more}>; rel="last"'
        return Reply(records[size * (number - 1) : size * number], headers=headers)

    def deploy(self, number: int, created: datetime, *states: tuple[str, datetime], **more: Any) -> None:
        """Add a deployment with its statuses."""
        said = {**DEPLOYMENT, "id": number, "created_at": text(created), "updated_at": text(created), **more}
        self.deployments.append(said)
        self.statuses[number] = [
            {**STATUS, "id": number * 100 + at, "state": state, "created_at": text(moment)}
            for at, (state, moment) in enumerate(states)
        ]


def text(moment: datetime) -> str:
    """Return a time as GitHub writes it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
