"""``POST /control/pause/SOURCE``, ``resume/SOURCE``, ``skip/PLACE``, for who has the token. Admin thread."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import NamedTuple, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_BEARER = "Bearer "
Endpoint = Callable[[Request], Awaitable[Response]]
_TIMEOUT_SECONDS = 10.0


class Orders(Protocol):
    """Who does what is asked; see ``bridge.control``."""

    def pause(self, source: str) -> Future[None]:
        """Read no more of it."""
        ...

    def resume(self, source: str) -> Future[None]:
        """Read it again."""
        ...

    def skip(self, place: str) -> Future[None]:
        """A dead letter for one record."""
        ...


class Operator(NamedTuple):
    """What is open to who has the token.

    Attributes:
        orders: does it.
        token: the token now; asked on the admin thread.
    """

    orders: Orders
    token: Callable[[], str]


def control_routes(operator: Operator | None) -> list[Route]:
    """The routes; without an operator each says what it would take."""
    acts = ("pause", "resume", "skip")
    endpoints = [_closed] * len(acts) if operator is None else _endpoints(operator)
    return [
        Route(f"/control/{act}/{{what:path}}", endpoint, methods=["POST"])
        for act, endpoint in zip(acts, endpoints, strict=True)
    ]


async def _closed(_: Request) -> Response:
    return _refused(403, "it takes no orders: set `admin: {control: true, token: …}` in its configuration")


def _endpoints(operator: Operator) -> list[Endpoint]:
    orders = operator.orders
    return [_endpoint(act, operator.token) for act in (orders.pause, orders.resume, orders.skip)]


def _endpoint(act: Callable[[str], Future[None]], token: Callable[[], str]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if "origin" in request.headers:
            return _refused(403, "orders are not taken from web pages: use `filum-bridge pause` and the like")
        said = request.headers.get("authorization", "")
        # Compared as bytes, in a time that tells nothing: a header may hold any character.
        if not hmac.compare_digest(said.encode(), (_BEARER + token()).encode()):
            return _refused(401, "a token is needed: `Authorization: Bearer …` with that of `admin.token`")
        what = request.path_params["what"]
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await asyncio.wrap_future(act(what))
        except LookupError as error:
            return _refused(404, str(error))
        except TimeoutError:
            return _refused(503, "the bridge's loop does not answer: see /livez")
        return JSONResponse({"done": what})

    return endpoint


def _refused(status: int, problem: str) -> Response:
    return JSONResponse({"error": problem}, status_code=status)
