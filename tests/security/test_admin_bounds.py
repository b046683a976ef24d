"""The admin server against whoever reaches its port: bounded, unmoved, and still there for the probes."""

from __future__ import annotations

import ast
import inspect
import json
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import pytest

from bridge.admin import AdminServer, Health, Operator, orders
from bridge.admin.door import Bounds
from bridge.config import Admin
from bridge.metrics import Board
from tests.parts.process import wait_until
from tests.security.stranger import ask, connect, get, is_gone, is_well, lines

PAGES = ("/", "/metrics", "/livez", "/readyz", "/status.json")
ACTS = ("/control/pause/shop", "/control/resume/shop", "/control/skip/shop.orders:0:1")
TOKEN = "s3cret-of-the-test"
RIGHT = f"Authorization: Bearer {TOKEN}"
_MUCH_BYTES = 50 * 2**20


class Recorder:
    """Does nothing that is asked, and remembers it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def _do(self, what: str) -> Future[None]:
        self.done.append(what)
        ended: Future[None] = Future()
        ended.set_result(None)
        return ended

    pause = resume = skip = _do


@contextmanager
def started(
    board: Board | None = None, bounds: Bounds | None = None, operator: Operator | None = None
) -> Iterator[int]:
    """A server, ended with the block."""
    looked_at, state = board or Board(), Health(live=True, ready=True)
    server = AdminServer(Admin(host="127.0.0.1", port=0), looked_at.latest, lambda: state, operator, bounds)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server as it is by default: it takes no orders."""
    with started() as one:
        yield one


class Obeying(NamedTuple):
    """A server that takes orders, and what it was told to do."""

    port: int
    done: list[str]


@pytest.fixture(scope="module")
def one_that_obeys() -> Iterator[Obeying]:
    recorder = Recorder()
    with started(operator=Operator(recorder, lambda: TOKEN)) as one:
        yield Obeying(one, recorder.done)


@pytest.fixture
def obeying(one_that_obeys: Obeying) -> Obeying:
    """Nothing is done yet."""
    one_that_obeys.done.clear()
    return one_that_obeys


# Requests that are too large, or lie


LARGE = {
    "a long path": (get("/" + "a" * 100_000), b"", 414),
    "a long query": (get("/livez?" + "a" * 100_000), b"", 414),
    "a long header": (get("/livez", "X: " + "a" * 15_000, "Y: " + "a" * 15_000), b"", 431),
    "many headers": (get("/livez", *(f"X-{n}: {n}" for n in range(2_000))), b"", 431),
    "a large body": (get("/livez", "Content-Length: 100000"), b"x" * 100_000, 413),
    "a body said to be large": (get("/livez", "Content-Length: 99999999999"), b"", 413),
    "a chunked body": (
        get("/livez", "Transfer-Encoding: chunked"),
        b"5\r\nhello\r\n" * 1_000 + b"0\r\n\r\n",
        413,
    ),
    "two lengths": (get("/livez", "Content-Length: 1", "Content-Length: 2"), b"x", 400),
    "a length and chunks": (
        get("/livez", "Content-Length: 5", "Transfer-Encoding: chunked"),
        b"0\r\n\r\n",
        413,
    ),
    "a length that is none": (get("/livez", "Content-Length: -1"), b"", 400),
    "a length in words": (get("/livez", "Content-Length: five"), b"", 400),
    "no host": ("GET /livez HTTP/1.1", b"", 400),
    "a folded line": (get("/livez", "X: a", " Content-Length: 5"), b"", 200),
    "a space before the colon": (get("/livez", "Content-Length : 5"), b"", 400),
    "a control character": (get("/livez", "X: a\0b"), b"", 400),
    "no HTTP at all": ("\x16\x03\x01\x02", b"", 400),
    "HTTP of another kind": ("PRI * HTTP/2.0\n\nSM", b"", 404),
}


@pytest.mark.parametrize("what", LARGE)
def test_what_is_large_or_lies_is_refused_and_the_connection_ends(port: int, what: str) -> None:
    """Whatever comes behind it is not read as a request."""
    request, body, status = LARGE[what]
    said = ask(port, request, body + lines(get("/metrics")))
    assert (said.status, said.answers) == (status, 1)
    assert "bridge_" not in said.text
    assert is_well(port)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        ("", b"x" * 4_000),
        ("GET /livez HTTP/1.1\r\n", b"X: y\r\n" * 600),
        ("GET /livez HTTP/1.1\r\nX: ", b"x" * 4_000),
    ],
    ids=["a first line", "headers", "one header"],
)
def test_a_head_without_an_end_is_cut_off(port: int, start: str, more: bytes) -> None:
    """After some KiB, however fast it comes: long before the deadline."""
    sent_bytes = 0
    with connect(port) as connection:
        connection.sendall(start.encode())
        with suppress(ConnectionError):
            while sent_bytes < _MUCH_BYTES:
                sent_bytes += connection.send(more)
    assert sent_bytes < _MUCH_BYTES
    assert is_well(port)


# Requests that never end


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        ("", ""),
        ("", "G"),
        ("GET /livez HTTP/1.1\r\nHost: x\r\n", "X: y\r\n"),
        ("GET /livez HTTP/1.1\r\nHost: x\r\nX: ", "y"),
        ("GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", "x"),
    ],
    ids=["nothing", "a first line", "headers", "one header", "a body"],
)
def test_a_request_that_drips_is_ended_by_the_deadline(start: str, drop: str) -> None:
    """Each byte comes soon after the one before; what counts is the whole."""
    with started(bounds=Bounds(seconds=0.5)) as port:
        with connect(port) as connection:
            connection.sendall(start.encode())
            connection.settimeout(0.02)
            wait_until(lambda: _dripped(connection, drop), timeout_seconds=5, what="the connection is closed")
        assert is_well(port)


def _dripped(connection: socket.socket, drop: str) -> bool:
    """One more drop; whether the server has closed."""
    try:
        connection.sendall(drop.encode())
        return connection.recv(65_536) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_an_answer_that_nobody_reads_is_ended_by_the_deadline() -> None:
    """What is not taken by then is thrown away."""
    with started(large_board(), Bounds(seconds=0.5)) as port:
        with connect(port) as connection:
            connection.sendall(lines(get("/metrics")))
            wait_until(lambda: is_gone(connection), timeout_seconds=5, what="the connection is reset")
        assert is_well(port)


# Many connections


def test_idle_connections_make_room_for_new_ones() -> None:
    """The newest stay; the probes are answered all the while."""
    with started(bounds=Bounds(connections=10, seconds=60)) as port, ExitStack() as stack:
        idle = [stack.enter_context(connect(port)) for _ in range(100)]
        assert is_well(port)
        wait_until(lambda: sum(map(is_gone, idle)) >= 90, timeout_seconds=5, what="the oldest are closed")
        assert not is_gone(idle[-1])
        assert is_well(port)


def test_answers_that_nobody_reads_are_bounded_together() -> None:
    """The oldest is thrown away for the newest, long before the deadline."""
    bounds = Bounds(seconds=60, unsent_bytes=30 * 2**20)
    with started(large_board(), bounds) as port, ExitStack() as stack:
        lazy = [stack.enter_context(connect(port)) for _ in range(6)]
        for connection in lazy:
            connection.sendall(lines(get("/metrics")))
        wait_until(lambda: sum(map(is_gone, lazy)) >= 4, timeout_seconds=20, what="the oldest are closed")
        assert len(ask(port, get("/metrics")).body) > 15 * 10**6
        assert is_well(port)


def large_board() -> Board:
    """Its page has some 20 MB, more than the system's buffers take."""
    board = Board()
    board.replace("consumer_lag", {("shop", f"{number:010000}", "0"): 1.0 for number in range(1_900)})
    board.publish()
    return board


def test_one_connection_is_one_request(port: int) -> None:
    """Others that come with it are not answered."""
    said = ask(port, get("/livez"), lines(get("/metrics")) + lines(get("/status.json")))
    assert (said.status, said.answers, said.header("connection")) == (200, 1, "close")
    assert json.loads(said.body) == {"live": True, "reasons": []}


# What is not there


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_a_method_that_a_page_has_not_is_told_with_those_that_it_has(port: int, method: str) -> None:
    """Whatever it means."""
    for path in PAGES:
        said = ask(port, get(path, method=method))
        assert (said.status, set(said.header("allow").split(", "))) == (405, {"GET", "HEAD"}), path


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_an_order_is_nothing_but_a_post(obeying: Obeying, method: str) -> None:
    """Not even with the token: links and images are fetched by GET."""
    for path in ACTS:
        said = ask(obeying.port, get(path, RIGHT, method=method))
        assert (said.status, said.header("allow")) == (405, "POST"), path
    assert not obeying.done


@pytest.mark.parametrize("path", PAGES)
def test_head_is_get_without_the_body(port: int, path: str) -> None:
    """Its length is told."""
    said = ask(port, get(path, method="HEAD"))
    assert (said.status, said.body) == (200, "")
    assert int(said.header("content-length")) > 0


@pytest.mark.parametrize(
    "path",
    [
        *("/../passwd", "/%2e%2e/%2e%2e/passwd", "/..%2f..%2fpasswd", "/metrics/../../passwd", "//passwd"),
        *("/livez%00", "/%ff%fe", "/\\..\\", "/.git/config", "/debug/pprof", "/docs", "/static/", "*"),
        *("/metrics/", "/livez/", "//evil.example/metrics/", "/control", "/control/", "/control/stop/shop"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths_are_not_found(obeying: Obeying, path: str, method: str) -> None:
    """No file, no redirect to whatever host the request names, no word of what was asked."""
    said = ask(obeying.port, get(path, RIGHT, method=method, host="evil.example"))
    assert (said.status, said.body, said.header("location")) == (404, "Not Found", "")
    assert "evil" not in said.text
    assert not obeying.done


def test_the_host_is_nobodys_business(port: int) -> None:
    """A probe says the pod's address, a scraper a service's name; no page repeats it."""
    for host in ("10.1.2.3:9464", "evil.example", "[2001:db8::1]", "a" * 5_000):
        for path in PAGES:
            said = ask(port, get(path, f"X-Forwarded-Host: {host}", host=host))
            assert said.status == 200
            assert host not in said.text


# Orders


@pytest.mark.parametrize("path", ACTS)
def test_no_order_is_taken_where_the_configuration_takes_none(port: int, path: str) -> None:
    """The setting is named, whatever token is sent."""
    for header in ("X: y", RIGHT):
        said = ask(port, get(path, header, method="POST"))
        assert said.status == 403
        assert "admin: {control: true, token: …}" in json.loads(said.body)["error"]


@pytest.mark.parametrize("path", ACTS)
def test_who_has_the_token_is_obeyed(obeying: Obeying, path: str) -> None:
    """Or what follows would prove nothing."""
    assert ask(obeying.port, get(path, RIGHT, method="POST")).status == 200
    assert obeying.done == [path.rpartition("/")[2]]


@pytest.mark.parametrize(
    "header",
    [
        *(
            "X: y",
            f"Cookie: token={TOKEN}",
            "Authorization:",
            "Authorization: Bearer",
            f"Authorization: {TOKEN}",
        ),
        *(f"Authorization: {scheme} {TOKEN}" for scheme in ("Basic", "bearer", "Bearer Bearer", "Bearer\t")),
        *(
            f"Authorization: Bearer {token}"
            for token in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é", "x" * 9_999)
        ),
    ],
)
def test_who_has_no_token_is_refused(obeying: Obeying, header: str) -> None:
    """Nothing is done, and the token is not told."""
    for path in ACTS:
        said = ask(obeying.port, get(path, header, method="POST"))
        assert said.status == 401
        assert "admin.token" in json.loads(said.body)["error"]
        assert TOKEN not in said.text
    assert not obeying.done


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://evil.example:9464", "http://127.0.0.1"]
)
def test_no_web_page_gives_an_order(obeying: Obeying, origin: str) -> None:
    """Not even one that has the token, whatever name was bent to this address: browsers say where from."""
    for path in ACTS:
        headers = (f"Origin: {origin}", RIGHT, "Content-Type: text/plain", "Content-Length: 0")
        said = ask(obeying.port, get(path, *headers, method="POST", host="evil.example:9464"))
        assert said.status == 403
        asked = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
        said = ask(obeying.port, get(path, f"Origin: {origin}", *asked, method="OPTIONS"))
        assert (said.status, "access-control" in said.text.lower()) == (405, False)
    assert not obeying.done


def test_tokens_are_compared_in_constant_time() -> None:
    """No other comparison sees what was sent: its time would tell how much of a token is right."""
    tree = ast.parse(inspect.getsource(orders))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    compared = [ast.unparse(call) for call in calls if ast.unparse(call.func) == "hmac.compare_digest"]
    assert ["said" in text and "token()" in text for text in compared] == [True]
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            assert not {"said", "token"} & {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
