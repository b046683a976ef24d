"""The probes, the metrics and the status page, over a real socket."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from bridge.admin import AdminServer, Health, liveness
from bridge.config import Admin
from bridge.errors import ConsumerError
from bridge.metrics import Board
from bridge.redaction import redact

LOOPBACK = Admin(host="127.0.0.1", port=0)


class Bridge:
    """What the admin server looks at."""

    def __init__(self) -> None:
        self.board = Board(now=lambda: 1_000.0)
        self.state = Health(live=True, ready=True)

    def health(self) -> Health:
        return self.state


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


@pytest.fixture
def server(bridge: Bridge) -> Iterator[AdminServer]:
    server = AdminServer(LOOPBACK, bridge.board.latest, bridge.health)
    server.start()
    yield server
    server.stop()


def ask(
    server: AdminServer, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): v for name, v in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


def test_whoever_connects_after_start_is_answered(server: AdminServer) -> None:
    """The port is bound when ``start`` returns; port 0 took a free one."""
    assert server.port > 0
    assert ask(server, "/livez")[0] == 200


def test_metrics_show_the_newest_published_snapshot(bridge: Bridge, server: AdminServer) -> None:
    """What was counted and not yet published is not shown."""
    bridge.board.counter("records_consumed_total", source="shop").value += 3
    bridge.board.publish()
    bridge.board.counter("records_consumed_total", source="shop").value += 1
    status, text, headers = ask(server, "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'bridge_records_consumed_total{source="shop"} 3.0\n' in text


def test_metrics_in_openmetrics_form_are_served_to_those_who_ask(server: AdminServer) -> None:
    """Prometheus 3 asks for it."""
    _, text, headers = ask(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("live", "ready", "livez", "readyz"),
    [(True, True, 200, 200), (True, False, 200, 503), (False, False, 503, 503)],
)
def test_probes_say_yes_or_no_with_reasons(
    bridge: Bridge, server: AdminServer, live: bool, ready: bool, livez: int, readyz: int
) -> None:
    """Kubernetes reads the status, people the reasons."""
    bridge.state = Health(live, ready, () if ready else ("draining",))
    assert ask(server, "/livez")[0] == livez
    status, text, _ = ask(server, "/readyz")
    assert status == readyz
    assert json.loads(text) == {"ready": ready, "reasons": [] if ready else ["draining"]}


def test_reasons_show_no_secret(bridge: Bridge, server: AdminServer) -> None:
    """A broker's error text may hold what it was given."""
    redact("hunter2-hunter2")
    bridge.state = Health(live=True, ready=False, reasons=("amqp://u:pw@h failed with hunter2-hunter2",))
    for path in ("/readyz", "/"):
        text = ask(server, path)[1]
        assert "hunter2" not in text
        assert "u:pw" not in text
        assert "amqp://[redacted]@h" in text


def test_the_status_page_shows_where_things_stand(bridge: Bridge, server: AdminServer) -> None:
    """Sources, destinations, stall reasons, dead letters; plain for curl, HTML for a browser."""
    board = bridge.board
    board.prepare(source="shop")
    board.counter("records_consumed_total", source="shop").value = 1_234
    board.counter("dead_letters_total", source="shop", reason="refused").value = 2
    board.replace("consumer_lag", {("shop", "orders", "0"): 40, ("shop", "orders", "1"): 2})
    board.gauge("concurrency_limit", destination="default").value = 64
    board.gauge("last_delivery_timestamp_seconds", destination="default").value = 940.0
    board.gauge("stalled", source="", destination="default", reason="auth").value = 1
    board.gauge("stalled", source="shop", destination="", reason="room").value = 0
    board.publish()
    plain = ask(server, "/")[1]
    for words in ("shop", "1,234", "42", "answers 401 or 403", "refused", "60 s", "ready"):
        assert words in plain
    assert "room" not in plain
    page = ask(server, "/", Accept="text/html,*/*")
    assert page[2]["content-type"].startswith("text/html")
    for words in ("<td>1,234</td>", "<td>42</td>", "answers 401 or 403", "60 s"):
        assert words in page[1]


def test_the_status_page_escapes_everything(bridge: Bridge, server: AdminServer) -> None:
    """Names come from files and reasons from servers."""
    bridge.board.prepare(source="<script>alert(1)</script>")
    bridge.board.gauge("stalled", source="<i>", destination='"&', reason="<b>").value = 1
    bridge.board.publish()
    bridge.state = Health(live=True, ready=False, reasons=("<img src=x>",))
    _, text, headers = ask(server, "/", Accept="text/html")
    for forbidden in ("<script", "<i>", "<b>", "<img"):
        assert forbidden not in text
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading_is_allowed(server: AdminServer, method: str) -> None:
    """Nothing here changes anything."""
    for path in ("/", "/metrics", "/livez", "/readyz"):
        assert ask(server, path, method)[0] == 405


def test_head_answers_without_a_body(server: AdminServer) -> None:
    """Load balancers ask so."""
    status, text, headers = ask(server, "/metrics", "HEAD")
    assert (status, text) == (200, "")
    assert int(headers["content-length"]) > 0


def test_unknown_pages_are_not_found(server: AdminServer) -> None:
    """No listing, no redirect."""
    assert ask(server, "/etc/passwd")[0] == 404


def test_large_requests_are_refused(server: AdminServer) -> None:
    """Neither a body nor headers can fill the memory."""
    assert ask(server, "/livez", body=b"x" * 70_000)[0] == 413
    assert ask(server, "/livez", Padding="x" * 20_000)[0] == 431
    assert ask(server, "/livez")[0] == 200


def test_a_page_that_fails_says_so_and_the_server_goes_on(bridge: Bridge) -> None:
    """An error in one answer is no end of the thread, and shows no inside."""

    def broken() -> Health:
        raise RuntimeError("inside")

    server = AdminServer(LOOPBACK, bridge.board.latest, broken)
    server.start()
    try:
        status, text, _ = ask(server, "/readyz")
        assert (status, text) == (500, "internal error\n")
        assert ask(server, "/metrics")[0] == 200
    finally:
        server.stop()


def test_it_answers_while_another_thread_is_stuck(bridge: Bridge, server: AdminServer) -> None:
    """A loop that never comes back publishes nothing; the probe sees it."""
    release = threading.Event()
    stuck = threading.Thread(target=release.wait, daemon=True)
    stuck.start()
    taken = bridge.board.latest().taken_seconds
    reasons = liveness(taken + 61, taken, {}, 60)
    bridge.state = Health(live=not reasons, ready=False, reasons=reasons)
    status, text, _ = ask(server, "/livez")
    release.set()
    assert status == 503
    assert "the loop has not turned for 61 s" in text


def test_a_taken_port_is_told_with_a_remedy(server: AdminServer, bridge: Bridge) -> None:
    """Said before anything else starts."""
    second = AdminServer(Admin(host="127.0.0.1", port=server.port), bridge.board.latest, bridge.health)
    with pytest.raises(ConsumerError, match="address already in use") as caught:
        second.start()
    assert str(server.port) in str(caught.value)
    assert "admin.port" in caught.value.remedy
    second.stop()


def test_a_foreign_address_is_told(bridge: Bridge) -> None:
    """192.0.2.0/24 is for documentation and nobody's."""
    with pytest.raises(ConsumerError, match="cannot listen on"):
        AdminServer(Admin(host="192.0.2.1", port=0), bridge.board.latest, bridge.health).start()


def test_stop_frees_the_port_and_may_be_repeated(bridge: Bridge) -> None:
    """Also without a start."""
    server = AdminServer(LOOPBACK, bridge.board.latest, bridge.health)
    server.stop()
    server = AdminServer(LOOPBACK, bridge.board.latest, bridge.health)
    server.start()
    port = server.port
    server.stop()
    server.stop()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    assert "admin" not in {thread.name for thread in threading.enumerate()}
