"""``/metrics``, ``/livez``, ``/readyz`` and ``/`` on a thread of their own.

The thread reads two things of the loop's, both immutable: the newest snapshot and what ``health``
makes of it. It waits for nobody, so a loop that is stuck can still be seen from outside.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.admin.door import Bounds, Door, visits
from bridge.admin.health import Health
from bridge.admin.orders import Operator, control_routes
from bridge.admin.pages import html_page, text_page
from bridge.admin.why import status as status_of
from bridge.config import Admin
from bridge.listening import listen
from bridge.logs import get_logger, redacted
from bridge.metrics import Snapshot, exposition

_log = get_logger("admin")

_HEADERS = {
    "connection": "close",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


class AdminServer:
    """Serves until ``stop``.

    Args:
        settings: host and port.
        snapshot: the newest snapshot; called on the admin thread.
        health: what the probes answer; called on the admin thread.
        operator: who may change something; None: nobody.
        bounds: what strangers may hold.
    """

    def __init__(
        self,
        settings: Admin,
        snapshot: Callable[[], Snapshot],
        health: Callable[[], Health],
        operator: Operator | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._settings = settings
        self._bounds = bounds or Bounds()
        app = application(snapshot, health, operator, self._bounds)
        self._server = uvicorn.Server(_uvicorn_config(app, self._bounds))
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port in use; the configured one before ``start``."""
        return self._socket.getsockname()[1] if self._socket else self._settings.port

    def start(self) -> None:
        """Bind, then serve on a thread; whoever connects from now on is answered.

        Raises:
            ConsumerError: the port is taken, or the address is not ours.
        """
        self._socket = listen(
            self._settings.host,
            self._settings.port,
            backlog=self._bounds.waiting,
            what="the admin server",
            remedy="end the other process, or set another `admin.port` (0 takes a free one)",
        )
        self._thread = threading.Thread(target=self._serve, name="admin", daemon=True)
        self._thread.start()

    def stop(self, timeout_seconds: float = 3.0) -> None:
        """Answer what is under way, then leave; repeat-safe, also without ``start``."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        if self._socket is not None:
            self._socket.close()

    def _serve(self) -> None:
        listening = [self._socket] if self._socket else []
        try:
            asyncio.run(self._server.serve(sockets=listening))
        except Exception as error:  # noqa: BLE001 - the thread's edge: without this line it would end in silence
            _log.error("admin server ended", exc_info=error)


def application(
    snapshot: Callable[[], Snapshot],
    health: Callable[[], Health],
    operator: Operator | None,
    bounds: Bounds,
) -> ASGIApp:
    """The routes, without a server: GET and HEAD only, but for an operator's."""

    async def metrics(request: Request) -> Response:
        body, content_type = exposition(snapshot(), request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    async def livez(_: Request) -> Response:
        found = health()
        return _probe("live", found.live, found.reasons)

    async def readyz(_: Request) -> Response:
        found = health()
        return _probe("ready", found.ready, found.reasons)

    async def status(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return Response(html_page(snapshot(), _shown(health())), media_type="text/html")
        return PlainTextResponse(text_page(snapshot(), _shown(health())))

    async def status_json(_: Request) -> Response:
        return JSONResponse(status_of(snapshot(), _shown(health())))

    pages = {
        "/metrics": metrics,
        "/status.json": status_json,
        "/livez": livez,
        "/readyz": readyz,
        "/": status,
    }
    routes = [Route(path, endpoint, methods=["GET", "HEAD"]) for path, endpoint in pages.items()]
    inner = Starlette(routes=routes + control_routes(operator), exception_handlers={Exception: _failed})
    # A redirect to the path without its last slash would lead to whatever host the request names.
    inner.router.redirect_slashes = False
    return _Guard(inner, bounds)


def _probe(name: str, good: bool, reasons: tuple[str, ...]) -> Response:
    content = {name: good, "reasons": [redacted(reason) for reason in reasons]}
    return JSONResponse(content, status_code=200 if good else 503)


def _shown(health: Health) -> Health:
    return Health(health.live, health.ready, tuple(redacted(reason) for reason in health.reasons))


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("admin page failed", page=request.url.path, exc_info=error)
    return PlainTextResponse("internal error\n", status_code=500)


class _Guard:
    """Refuses large requests (nothing here reads a body) and adds the headers every answer has."""

    def __init__(self, inner: ASGIApp, bounds: Bounds) -> None:
        self._inner = inner
        self._bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        status = _refusal(scope, self._bounds) if scope["type"] == "http" else 0
        if status:
            await PlainTextResponse("too large\n", status)(scope, receive, send_with_headers)
        else:
            await self._inner(scope, receive, send_with_headers)


def _refusal(scope: Scope, bounds: Bounds) -> int:
    """The status for what is too large, or 0."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > bounds.head_bytes:
        return 414
    headers = Headers(scope=scope)
    if sum(len(name) + len(value) for name, value in headers.raw) > bounds.head_bytes:
        return 431
    length = headers.get("content-length", "0")
    has_no_bound = "transfer-encoding" in headers or not length.isdecimal()
    return 413 if has_no_bound or int(length) > bounds.body_bytes else 0


def _uvicorn_config(app: ASGIApp, bounds: Bounds) -> uvicorn.Config:
    # uvicorn's own lines would not be JSON; what matters is logged here.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=visits(Door(bounds)),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=bounds.waiting,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=bounds.head_bytes,
    )
