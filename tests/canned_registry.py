"""A schema registry of canned answers, over HTTP on loopback: for what a real one does only when broken."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class CannedRegistry(ThreadingHTTPServer):
    """Answers by path, status and body; anything else is 404 as no registry says it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.paths: list[str] = []
        self.authorizations: set[str | None] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/apis"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[CannedRegistry]:
        """One that serves until the end of the block."""
        with cls() as registry:
            thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield registry
            finally:
                registry.shutdown()
                thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    server: CannedRegistry

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.authorizations.add(self.headers["Authorization"])
        status, body = self.server.answers.get(
            self.path.removeprefix("/apis"), (404, "<html>not here</html>")
        )
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Silent."""
