"""The pages as a web application. GET alone; nothing here changes anything."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.answers import BusyError
from console.web.pages.page import NotFoundError, Page, View
from console.web.render import STATIC, Renderer
from console.web.streams import Streams
from console.web.views import NAVIGATION, PAGES, Views
from precache.query.api import QueryError
from precache.runtime.logs import log

_FORMAT: Final = "format"
# No script or style but our files; no other site may show or be shown.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_MOST_CHARS: Final = 512
# The time in a stream goes in such steps: where nothing else changes, nothing is sent in between.
_STEP_S: Final = 10
_INTERNAL: Final = "The log of `precache web` has the reason"


def application(views: Views, streams: Streams, base_path: str) -> ASGIApp:
    """Return the application, below its base path."""
    site = _Site(views, streams, Renderer(base_path, NAVIGATION))
    routes: list[BaseRoute] = [
        Route("/healthz", _healthz, methods=["GET"]),
        Route("/stream/{name}", site.stream, methods=["GET"]),
        Mount("/static", _Kept(directory=STATIC), name="static"),
        *(Route(page.path, site.endpoint(page), methods=["GET"], name=page.name) for page in PAGES),
    ]
    if base_path != "/":
        routes = [
            Route(base_path, lambda _request: RedirectResponse(f"{base_path}/"), methods=["GET"]),
            Mount(base_path, routes=routes),
        ]
    handlers: Mapping[Any, Any] = {404: site.not_found, 405: site.not_allowed, Exception: site.failed}
    return _Secured(Starlette(routes=routes, exception_handlers=handlers))


@dataclass(frozen=True, slots=True)
class _Site:
    views: Views
    streams: Streams
    renderer: Renderer

    def endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers for a page: as HTML, or as JSON with `?format=json`."""

        async def answer(request: Request) -> Response:
            try:
                parameters = _parameters(page, request)
                view = await self.views.view(page, parameters, is_exact=_wants_json(request))
            except NotFoundError as error:
                return self._error(request, 404, "Not found", str(error))
            except QueryError as error:
                return self._error(request, 503, "The store cannot be read", str(error))
            except BusyError:
                return self._error(request, 503, "Busy", "Too many questions wait for the store: try again in a moment")
            about = self.views.about()
            if _wants_json(request):
                return _json(about | view)
            return HTMLResponse(self.renderer.page(page, view, about | self._around(page, parameters)), headers=_NEW)

        return answer

    async def stream(self, request: Request) -> Any:
        """Answer with each state of a page."""
        page = next((page for page in PAGES if page.name == request.path_params["name"]), None)
        if page is None:
            return PlainTextResponse("no such page", 404)
        if self.streams.is_full:
            return PlainTextResponse("too many open pages", 503, {"retry-after": "30"})
        parameters = _parameters(page, request)
        around = self._around(page, parameters)

        async def make() -> str:
            view: View
            try:
                view = await self.views.view(page, parameters)
            except (NotFoundError, QueryError, BusyError) as error:
                return self.renderer.trouble(str(error) or "Too many questions wait for the store")
            except Exception as error:  # noqa: BLE001 - whoever looks must see that the figures are old
                log.error("web.failed", path=request.url.path, exc_info=error)
                return self.renderer.trouble(_INTERNAL)
            return self.renderer.live_part(page, view, self.views.about(_STEP_S) | around)

        return self.streams.response((page.name, *parameters.items()), make)

    async def not_found(self, request: Request, _error: Exception) -> Response:
        """Answer for an address that is none."""
        return self._error(request, 404, "Not found", "There is no such page")

    async def not_allowed(self, request: Request, _error: Exception) -> Response:
        """Answer for another method than GET."""
        return self._error(request, 405, "Not allowed", "These pages only show: use GET")

    async def failed(self, request: Request, _error: Exception) -> Response:
        """Answer for an error that was not foreseen."""
        return self._error(request, 500, "Internal error", _INTERNAL)

    def _around(self, page: Page, parameters: Mapping[str, str]) -> dict[str, Any]:
        return {"address": self.renderer.link(f"/stream/{page.name}", **parameters), "parameters": parameters}

    def _error(self, request: Request, status: int, title: str, text: str) -> Response:
        if _wants_json(request):
            return _json({"error": title, "text": text}, status)
        html = self.renderer.error(title, text, self.views.about())
        return HTMLResponse(html, status, headers=_NEW)


_NEW: Final = {"cache-control": "no-store"}


def _parameters(page: Page, request: Request) -> dict[str, str]:
    given = {**request.query_params, **request.path_params}
    return {name: given.get(name, "").strip()[:_MOST_CHARS] for name in page.parameters}


def _wants_json(request: Request) -> bool:
    # Clients of other languages name more kinds after it; a browser begins with text/html.
    asked = request.headers.get("accept", "").startswith("application/json")
    return asked or request.query_params.get(_FORMAT) == "json"


def _json(value: Mapping[str, Any], status: int = 200) -> Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Response(body, status, headers=_NEW, media_type="application/json")


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Kept(StaticFiles):
    """Files whose address changes with their content: a browser may keep them."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


class _Secured:
    """Adds the headers that keep other sites out, and logs what was not foreseen."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS.items()]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the answer is sent; this is for the log
            log.error("web.failed", path=scope.get("path", ""), exc_info=error)
