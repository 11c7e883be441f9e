"""Almanac in Airflow's own navigation: its pages under /almanac, for signed-in users who may see them.

Beside them, under /almanac/hooks, is where other systems deliver their alerts: these routes ask for no sign-in but for
each source's own secret. Neither opens the warehouse. Both are built when the first request comes, so that the
scheduler and the workers, which load this file too, pay nothing for them.
"""

from functools import cached_property
from typing import Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/almanac"
HOOKS = f"{PREFIX}/hooks"
RESOURCE = "Almanac"


class Pages:
    """The ASGI app that Airflow mounts."""

    @cached_property
    def app(self) -> Any:
        """The pages, over the store that the settings name, for readers whom Airflow's auth manager lets in."""
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
        from airflow.api_fastapi.core_api.security import GetUserDep
        from fastapi import HTTPException, Request
        from fastapi.responses import JSONResponse, RedirectResponse, Response

        from include.orchestration.hooks import words
        from include.orchestration.words import MERGE
        from include.report.pages import NotAllowedError, create_app
        from include.report.store import Store
        from include.settings import settings

        def reader(user: GetUserDep) -> None:
            if not get_auth_manager().is_authorized_custom_view(method="GET", resource_name=RESOURCE, user=user):
                raise NotAllowedError(
                    "Your role may not see Almanac's pages. Ask whoever administers Airflow for one that may."
                )

        def judge(user: GetUserDep) -> str:
            run = DagDetails(id=MERGE)
            if not get_auth_manager().is_authorized_dag(
                method="POST", access_entity=DagAccessEntity.RUN, details=run, user=user
            ):
                raise NotAllowedError(f"Your role may not judge episodes: it takes one that may start the DAG {MERGE}.")
            return user.get_name()

        async def turned_away(request: Request, error: HTTPException) -> Response:
            if error.status_code in {401, 403} and "text/html" in request.headers.get("accept", ""):
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(get_auth_manager().get_url_login(next_url=here), status_code=303)
            return JSONResponse({"detail": error.detail}, status_code=error.status_code)

        pages = create_app(Store(settings().documents), reader, judge, words())
        pages.add_exception_handler(HTTPException, turned_away)
        return pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        await self.app(scope, receive, send)


class Hooks:
    """The ASGI app that takes deliveries of webhooks; it asks each for its source's own secret."""

    @cached_property
    def app(self) -> Any:
        """The way in to the inbox."""
        from include.orchestration.hooks import hooks

        return hooks()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        await self.app(scope, receive, send)


def _icon(colour: str) -> str:
    """Return the sign in the navigation, a page of a calendar with a rising line, as a data URL."""
    drawn = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='{colour}' stroke-width='1.8' "
        "stroke-linecap='round' stroke-linejoin='round'><rect x='3' y='5' width='18' height='16' rx='2'/>"
        "<path d='M8 3v4M16 3v4M3 10h18M7 17l3-3 3 2 4-4'/></svg>"
    )
    return f"data:image/svg+xml,{quote(drawn)}"


class AlmanacPlugin(AirflowPlugin):
    """What Almanac adds to Airflow."""

    name = "almanac"
    fastapi_apps = [  # noqa: RUF012  Airflow's own form; the longer prefix first, for the first that fits is asked
        {"app": Hooks(), "url_prefix": HOOKS, "name": "Almanac webhooks"},
        {"app": Pages(), "url_prefix": PREFIX, "name": "Almanac"},
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Almanac",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": "almanac",
            "icon": _icon("black"),
            "icon_dark_mode": _icon("white"),
        }
    ]
