"""`filum-bridge status`: a running bridge, asked over a real socket."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner, Result

from bridge.admin import AdminServer, Health
from bridge.cli.status import status
from bridge.config import Admin
from bridge.errors import ConsumerError
from bridge.metrics import Board


@pytest.fixture
def board() -> Board:
    board = Board(now=lambda: 1_000.0)
    board.prepare(source="shop")
    return board


@pytest.fixture
def url(board: Board) -> Iterator[str]:
    state = Health(live=True, ready=True)
    server = AdminServer(Admin(host="127.0.0.1", port=0), board.latest, lambda: state)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(status)
    return CliRunner().invoke(app, arguments)


def test_without_options_it_shows_the_status_page_as_text(url: str) -> None:
    """What ``curl`` shows."""
    answer = run("--url", url)
    assert answer.exit_code == 0
    assert answer.stdout.startswith("Filum Bridge: ready")


def test_why_says_it_in_a_sentence_with_a_remedy(board: Board, url: str) -> None:
    """Destinations first, for they are what sources wait for; the exit code tells scripts."""
    board.gauge("stalled", source="shop", destination="", reason="blocked").value = 1
    board.gauge("stalled", source="", destination="default", reason="auth").value = 1
    board.gauge("stalled", source="", destination="default", reason="breaker").value = 0
    board.publish()
    answer = run("--url", url, "--why")

    lines = answer.stdout.splitlines()
    assert answer.exit_code == 1
    assert lines[0] == "destination default waits: it answers 401 or 403 to everybody (auth)"
    assert lines[1].startswith("  → put a right write key in place")
    assert lines[2] == "source shop waits: what it reads is for a destination that is blocked (blocked)"
    assert len(lines) == 4


def test_why_of_a_bridge_where_nothing_waits(url: str) -> None:
    """And its exit code is 0."""
    answer = run("--url", url, "--why")
    assert (answer.exit_code, answer.stdout) == (0, "Nothing waits.\n")


def test_json_is_for_scripts(board: Board, url: str) -> None:
    """Everything that ``--why`` says, and the figures that tell whether it matters."""
    board.gauge("stalled", source="shop", destination="", reason="room").value = 1
    board.gauge("records_in_flight", source="shop").value = 7
    board.publish()
    found = json.loads(run("--url", url + "/", "--json").stdout)
    assert found["records_in_flight"] == 7
    assert (found["ready"], found["records_unaccounted"]) == (True, 0)
    assert [(one["who"], one["reason"]) for one in found["stalled"]] == [("source shop", "room")]


def test_where_no_bridge_answers_it_says_what_to_do() -> None:
    """Nothing listens on this port, and this is no URL."""
    for nowhere in ("http://127.0.0.1:1", "http://[::1"):
        error = run("--url", nowhere, "--why").exception
        assert isinstance(error, ConsumerError)
        assert "no bridge answers at" in str(error)
        assert "--url" in str(error)


class _Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"[]" if self.path == "/status.json" else b"no"
        self.send_response(200 if self.path == "/status.json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not on the terminal of the tests."""


@pytest.mark.parametrize("options", [["--why"], []])
def test_another_server_is_told_from_a_bridge(options: list[str]) -> None:
    """Whatever it answers."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        error = run("--url", f"http://127.0.0.1:{server.server_port}", *options).exception
        server.shutdown()
    assert isinstance(error, ConsumerError)
    assert "is no bridge" in str(error)
