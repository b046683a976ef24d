"""``filum-bridge api``: a local Filum Event API for development and tests."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console

from bridge.cli.api_faults import Control, control_of
from bridge.cli.api_server import DEFAULT_KEEP, LocalApi
from bridge.config import parse_duration_seconds
from bridge.errors import UsageError

__all__ = ["Control", "LocalApi", "api"]

_LINE_SECONDS = 10.0
_LIVE_SECONDS = 0.5


def api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8089,
    write_key: Annotated[
        list[str] | None, typer.Option(help="Take only this key; may be repeated. Default: any key.")
    ] = None,
    latency: Annotated[str, typer.Option(help="Of each request: 20ms, or 10ms-200ms.")] = "0",
    failure_ratio: Annotated[float, typer.Option(help="Share of requests that fail.")] = 0.0,
    failure_status: Annotated[int, typer.Option(help="What a failure answers.")] = 503,
    fail_for: Annotated[str, typer.Option(help="Fail every request for so long, from now on.")] = "0",
    rate_limited_ratio: Annotated[float, typer.Option(help="Share of requests that get 429.")] = 0.0,
    retry_after: Annotated[
        float | None, typer.Option(help="Retry-After of 429s and failures, in seconds.")
    ] = None,
    unauthorized: Annotated[bool, typer.Option(help="Answer 401 to everything.")] = False,
    answer_user: Annotated[
        list[str] | None, typer.Option(help="USER=STATUS: what one user's events get; may be repeated.")
    ] = None,
    answer_event: Annotated[
        list[str] | None, typer.Option(help="NAME=STATUS: the same for an event name.")
    ] = None,
    drop_ratio: Annotated[float, typer.Option(help="Share of requests cut off after the body.")] = 0.0,
    drop_accepts: Annotated[bool, typer.Option(help="Accept the events of those all the same.")] = False,
    keep: Annotated[int, typer.Option(min=0, help="Accepted events to keep for GET /events.")] = DEFAULT_KEEP,
    seed: Annotated[int, typer.Option(help="Of the randomness.")] = 0,
) -> None:
    """Stand in for Filum's HTTP Event API: check payloads as its document says, keep what was accepted.

    POST /events takes what Filum takes. GET /events, GET /stats and DELETE /events are for looking;
    PUT /control changes at run time what the options set at the start.

    Examples:

      filum-bridge api --port 8089

      filum-bridge api --latency 20ms-200ms --failure-ratio 0.05 --answer-user u1=400

      curl -X PUT localhost:8089/control -d '{"fail_for_seconds": 30}'

      FILUM_URL=http://localhost:8089/events FILUM_WRITE_KEY=dev filum-bridge run
    """
    told: dict[str, Any] = {
        "latency_seconds": _latency(latency),
        "failure_ratio": failure_ratio,
        "failure_status": failure_status,
        "fail_for_seconds": _duration(fail_for, "--fail-for"),
        "rate_limited_ratio": rate_limited_ratio,
        "retry_after_seconds": retry_after,
        "unauthorized": unauthorized,
        "users": _statuses(answer_user or (), "--answer-user"),
        "event_names": _statuses(answer_event or (), "--answer-event"),
        "drop_ratio": drop_ratio,
        "drop_accepts": drop_accepts,
    }
    control = control_of(told)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with LocalApi(host, port, write_keys=write_key or (), keep=keep, control=control, seed=seed) as server:
        sys.stdout.write(f"local Filum Event API on {server.url}/events\n")
        sys.stdout.flush()
        _watch(server, stop)
        sys.stdout.write(_line(server.stats()) + "\n")


def _watch(server: LocalApi, stop: threading.Event) -> None:
    """A live line on a terminal; in a pipe a line now and then, when something came."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("waiting for events") as status:
            while not stop.wait(_LIVE_SECONDS):
                status.update(_line(server.stats()))
        return
    said = _line(server.stats())
    while not stop.wait(_LINE_SECONDS):
        line = _line(server.stats())
        if line != said:
            said = line
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def _line(stats: dict[str, Any]) -> str:
    statuses = " ".join(f"{status}:{count}" for status, count in stats["by_status"].items())
    return (
        f"{stats['accepted']} events accepted, {stats['duplicates']} duplicates; "
        f"{stats['requests']} requests {statuses}".rstrip()
    )


def _latency(text: str) -> float | list[float]:
    least, dash, most = text.partition("-")
    if not dash:
        return _duration(text, "--latency")
    return sorted((_duration(least, "--latency"), _duration(most, "--latency")))


def _duration(text: str, option: str) -> float:
    try:
        return parse_duration_seconds(0 if text == "0" else text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def _statuses(told: Iterable[str], option: str) -> dict[str, int]:
    answers = {}
    for entry in told:
        name, _, status = entry.rpartition("=")
        if not name or not (status.isascii() and status.isdigit()):
            raise UsageError(f"{option}: NAME=STATUS, such as u1=400")
        answers[name] = int(status)
    return answers
