"""The local Filum Event API takes what the document says, refuses the rest, and fails when told to."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from bridge.cli.api import Control, LocalApi, _latency, _statuses
from bridge.cli.api_faults import control_of
from bridge.errors import ConsumerError, UsageError

TRACK: dict[str, Any] = {
    "timestamp": "2024-07-15T07:58:13Z",
    "user_id": "0123456789",
    "event_name": "Transaction Completed",
    "event_type": "track",
    "event_params": [
        {"key": "Location Name", "value": {"string_value": "Hà Nội"}},
        {"key": "Total Value", "value": {"double_value": 1451000}},
        {"key": "Items", "value": {"int_value": 3}},
        {"key": "Placed At", "value": {"datetime_value": "2024-07-15T07:58:13.096Z"}},
    ],
}
IDENTIFY: dict[str, Any] = {
    "user_id": "0123456789",
    "event_name": "Identify",
    "event_type": "identify",
    "event_params": [{"key": "Name", "value": {"string_value": "Harry Potter"}}],
}
# What filum-analytics-python 1.1.2 puts on the wire: an array, extra properties, nulls.
SDK: dict[str, Any] = {
    "anonymous_id": None,
    "user_id": "u1",
    "context": {"active": 0, "app": {}, "library": {"name": "filum-python-sdk", "version": "1.1.2"}},
    "timestamp": "2024-07-15T07:58:13.096123+00:00",
    "original_timestamp": "2024-07-15T07:58:13.096123+00:00",
    "sent_at": "2024-07-15T07:58:13.096123+00:00",
    "received_at": "2024-07-15T07:58:13.096123+00:00",
    "event_name": "Order Completed",
    "event_type": "track",
    "event_params": [
        {"key": "Flag", "value": {"int_value": 1}},
        {"key": "Nothing", "value": {"string_value": None}},
    ],
    "origin": None,
    "event_id": "7b1d8b4e-7a52-4c59-a0a5-0d4ef92a9b8c",
}


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with LocalApi() as server:
        yield server


def ask(
    api: LocalApi, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Any, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(api.host, api.port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): v for name, v in headers.items()})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null"), response.headers
    finally:
        connection.close()


def post(api: LocalApi, content: Any, **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = {"Content_Type": "application/json", "Authorization": "Bearer key", **headers}
    return ask(api, "POST", "/events", body, **given)


def control(api: LocalApi, **told: Any) -> int:
    return ask(api, "PUT", "/control", json.dumps(told).encode())[0]


# Payloads


@pytest.mark.parametrize(
    "content", [TRACK, IDENTIFY, [TRACK, IDENTIFY], [SDK], [{**SDK, "user_id": "", "anonymous_id": "a"}]]
)
def test_what_the_document_and_the_sdks_send_is_accepted(api: LocalApi, content: Any) -> None:
    """200 and an empty object; single objects and arrays; kept as it was sent."""
    status, answer, _ = post(api, content)
    assert (status, answer) == (200, {})
    assert api.events() == (content if isinstance(content, list) else [content])


def changed(**parts: Any) -> dict[str, Any]:
    """TRACK with other properties; ``...`` takes one away."""
    return {name: value for name, value in {**TRACK, **parts}.items() if value is not ...}


def param(value: Any) -> dict[str, Any]:
    return changed(event_params=[{"key": "k", "value": value}])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 5000, "not JSON"),
        ([], "at least one event"),
        ("text", "must be an object"),
        ([TRACK, 5], "[1].an event must be an object"),
        (changed(event_type=...), "event_type: required"),
        (changed(event_type="page"), "event_type: must be identify or track"),
        (changed(event_name=...), "event_name: required"),
        (changed(event_name=""), "event_name: must be a non-empty string"),
        (changed(event_name=5), "event_name: must be a non-empty string"),
        ({**IDENTIFY, "event_name": "identify"}, "event_name: must be Identify"),
        (changed(user_id=...), "one of them must be set"),
        (changed(user_id=None, anonymous_id=""), "one of them must be set"),
        (changed(user_id=5), "user_id: must be a string"),
        (changed(timestamp="15/07/2024"), "timestamp: must be an ISO-8601"),
        (changed(timestamp="2024-13-45T00:00:00Z"), "timestamp: must be an ISO-8601"),
        (changed(timestamp=None), "timestamp: must be an ISO-8601"),
        (changed(timestamp=1721030293), "timestamp: must be an ISO-8601"),
        (changed(context=[]), "context: must be an object"),
        (changed(context=None), "context: must be an object"),
        (changed(event_params={}), "event_params: must be an array"),
        (changed(event_params=[{}]), "event_params[0]: must be an object with key and value"),
        (changed(event_params=[{"key": "", "value": {"int_value": 1}}]), "event_params[0].key"),
        (param({}), "exactly one of"),
        (param({"int_value": 1, "string_value": "1"}), "exactly one of"),
        (param({"bool_value": True}), "exactly one of"),
        (param({"string_value": 1}), "string_value: must be a string"),
        (param({"string_value": None}), "string_value: must be a string"),
        (param({"int_value": "1"}), "int_value: must be an integer"),
        (param({"int_value": 1.0}), "int_value: must be an integer"),
        (param({"int_value": True}), "int_value: must be an integer"),
        (param({"int_value": 2**63}), "int_value: must be an integer of 64 bits"),
        (param({"double_value": "1"}), "double_value: must be a number"),
        (param({"double_value": False}), "double_value: must be a number"),
        (json.dumps(param({"double_value": float("nan")})).encode(), "not JSON"),
        (param({"datetime_value": "soon"}), "datetime_value: must be an ISO-8601"),
        (changed(evnt_id="x"), "evnt_id: unknown property"),
        (changed(event_id=5), "event_id: must be a string"),
    ],
)
def test_what_the_document_does_not_allow_is_refused_with_the_reason(
    api: LocalApi, content: Any, words: str
) -> None:
    """400 with status code and messages; nothing is kept."""
    status, answer, _ = post(api, content)
    assert status == 400
    assert answer["statusCode"] == 400
    assert words in answer["message"]
    assert api.events() == []


@pytest.mark.parametrize(
    "timestamp",
    ["2024-07-15", "2024-07-15T07:58Z", "2024-07-15T07:58:13", "2024-07-15T07:58:13.1234567+07:00"],
)
def test_times_are_taken_as_the_sdks_write_them(api: LocalApi, timestamp: str) -> None:
    """Java leaves the seconds out, iOS writes seven digits."""
    assert post(api, changed(timestamp=timestamp))[0] == 200


def test_an_array_with_one_bad_member_is_refused_whole(api: LocalApi) -> None:
    """All or nothing: what a batch sender must be able to rely on."""
    status, answer, _ = post(api, [TRACK, changed(user_id=...), TRACK])
    assert status == 400
    assert "[1].user_id" in answer["message"]
    assert api.stats()["accepted"] == 0


# Headers


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic a2V5", "key", "bearer key"])
def test_a_missing_key_is_401_with_the_error_code_of_the_sdks(api: LocalApi, authorization: str) -> None:
    """40101 is what mobile SDKs take as: stop."""
    status, answer, _ = post(api, TRACK, Authorization=authorization)
    assert status == 401
    assert answer["error_code"] == 40101


def test_write_keys_can_be_restricted() -> None:
    """Any non-empty key by default; else these."""
    with LocalApi(write_keys=["a", "b"]) as api:
        assert [post(api, TRACK, Authorization=f"Bearer {key}")[0] for key in "abc"] == [200, 200, 401]
        assert control(api, keys=["c"]) == 200
        assert [post(api, TRACK, Authorization=f"Bearer {key}")[0] for key in "abc"] == [401, 401, 200]


@pytest.mark.parametrize(
    ("kind", "status"), [("application/json; charset=utf-8", 200), ("text/plain", 415), ("", 415)]
)
def test_the_content_type_is_checked(api: LocalApi, kind: str, status: int) -> None:
    """The document asks for application/json."""
    assert post(api, TRACK, Content_Type=kind)[0] == status


def test_unknown_paths_and_methods(api: LocalApi) -> None:
    """404 and 405 with Allow."""
    assert ask(api, "GET", "/nothing")[0] == 404
    status, _, headers = ask(api, "PUT", "/events")
    assert status == 405
    assert headers["allow"] == "POST, GET, DELETE"
    assert "/events" in ask(api, "GET", "/")[1]["routes"]


# Faults


def test_answers_for_one_user_and_one_event_name(api: LocalApi) -> None:
    """Poison for one, service for the others; told anew, the old is forgotten."""
    assert control(api, users={"bad": 400}, event_names={"Slow": 503}) == 200
    assert post(api, changed(user_id="bad"))[0] == 400
    assert post(api, changed(user_id=..., anonymous_id="bad"))[0] == 400
    assert post(api, [TRACK, changed(user_id="bad")])[0] == 400
    assert post(api, changed(event_name="Slow"))[0] == 503
    assert post(api, TRACK)[0] == 200
    assert control(api, users={}) == 200
    assert post(api, changed(user_id="bad"))[0] == 200
    assert post(api, changed(event_name="Slow"))[0] == 503


def test_other_successes_are_acceptances_but_207_is_not(api: LocalApi) -> None:
    """202 and 204 took the event; 207 says: look inside."""
    control(api, users={"a": 202, "b": 204, "c": 207})
    answers = [post(api, changed(user_id=user))[0] for user in "abc"]
    assert answers == [202, 204, 207]
    assert [event["user_id"] for event in api.events()] == ["a", "b"]


def test_failures_come_in_the_ratio_asked_for(api: LocalApi) -> None:
    """With a seed the same ones every time."""
    control(api, failure_ratio=0.5, failure_status=500)
    first = [post(api, TRACK)[0] for _ in range(40)]
    assert set(first) == {200, 500}
    with LocalApi(control=Control(failure_ratio=0.5, failure_status=500)) as again:
        assert [post(again, TRACK)[0] for _ in range(40)] == first


def test_rate_limits_name_the_wait(api: LocalApi) -> None:
    """429 with Retry-After in whole seconds, never less than asked for."""
    control(api, rate_limited_ratio=1, retry_after_seconds=1.5)
    status, _, headers = post(api, TRACK)
    assert (status, headers["retry-after"]) == (429, "2")


def test_an_outage_ends_when_its_control_is_reset(api: LocalApi) -> None:
    """``fail_for_seconds`` counts from the moment it is told; DELETE takes everything back."""
    control(api, fail_for_seconds=3600, failure_status=502)
    assert post(api, TRACK)[0] == 502
    assert control(api, users={"x": 400}) == 200
    assert post(api, TRACK)[0] == 502
    assert control(api, fail_for_seconds=0) == 200
    assert post(api, TRACK)[0] == 200
    control(api, unauthorized=True)
    assert post(api, TRACK)[0] == 401
    assert ask(api, "DELETE", "/control")[1] == json.loads(json.dumps(ask(api, "GET", "/control")[1]))
    assert post(api, TRACK)[0] == 200


@pytest.mark.parametrize("accepts", [False, True])
def test_a_connection_can_be_cut_after_the_body(api: LocalApi, accepts: bool) -> None:
    """The sender cannot know whether the event was taken: where duplicates come from."""
    control(api, drop_ratio=1, drop_accepts=accepts)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(api, TRACK)
    stats = api.stats()
    assert (stats["accepted"], stats["dropped_connections"]) == (int(accepts), 1)


def test_latency_delays_an_answer_and_keeps_the_order(api: LocalApi) -> None:
    """Pipelined requests are answered one after the other, also when the first takes longer."""
    control(api, latency_seconds=[0.01, 0.02])
    body = json.dumps(changed(user_id="first")).encode()
    head = "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer k\r\n"
    one = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection((api.host, api.port), timeout=10) as connection:
        connection.sendall(
            one + one.replace(b"first", b"secnd") + b"GET /stats HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert b'"accepted":2' in received
    assert [event["user_id"] for event in api.events()] == ["first", "secnd"]


@pytest.mark.parametrize(
    "told",
    [
        {"failure_ratio": 2},
        {"nonsense": 1},
        {"users": {"a": 99}},
        {"latency_seconds": "1s"},
        {"latency_seconds": [1]},
        {"fail_for_seconds": -1},
        [],
        None,
    ],
)
def test_a_wrong_control_is_refused_and_changes_nothing(api: LocalApi, told: Any) -> None:
    """A typo in a test must not mean: no faults."""
    before = ask(api, "GET", "/control")[1]
    status, answer, _ = ask(api, "PUT", "/control", json.dumps(told).encode())
    assert status == 400
    assert answer["message"]
    assert ask(api, "GET", "/control")[1] == before


# Inspection


def test_accepted_events_can_be_listed_filtered_and_forgotten(api: LocalApi) -> None:
    """Newest last, with limit and offset; DELETE begins anew."""
    for number in range(5):
        post(api, changed(user_id=f"u{number % 2}", event_name=f"Sự kiện {number}"))
    page = ask(api, "GET", "/events?limit=2&offset=1")[1]
    assert page["total"] == 5
    assert [event["event_name"] for event in page["events"]] == ["Sự kiện 1", "Sự kiện 2"]
    assert ask(api, "GET", "/events?user_id=u0")[1]["total"] == 3
    assert ask(api, "GET", f"/events?event_name={quote('Sự kiện 3')}")[1]["total"] == 1
    assert ask(api, "GET", "/events?limit=-1")[0] == 400
    assert ask(api, "GET", "/events?usr=u0")[0] == 400
    assert ask(api, "DELETE", "/events")[0] == 200
    assert ask(api, "GET", "/events")[1] == {"total": 0, "accepted": 0, "events": []}


def test_counts_tell_accepted_refused_and_duplicates(api: LocalApi) -> None:
    """What an auditor compares with what was produced."""
    post(api, [SDK, {**SDK, "event_id": "other"}])
    post(api, SDK)
    post(api, TRACK)
    post(api, b"no")
    stats = ask(api, "GET", "/stats")[1]
    assert stats == api.stats()
    assert stats == {
        "accepted": 4,
        "kept": 4,
        "requests": 4,
        "refused": 1,
        "dropped_connections": 0,
        "by_status": {"200": 3, "400": 1},
        "unique_event_ids": 2,
        "duplicates": 1,
        "without_event_id": 1,
    }


def test_only_the_newest_events_are_kept() -> None:
    """A run of days does not fill the memory; the counts go on."""
    with LocalApi(keep=2) as api:
        for number in range(5):
            post(api, changed(user_id=str(number)))
        assert [event["user_id"] for event in api.events()] == ["3", "4"]
        assert api.stats()["accepted"] == 5


# Sockets


def raw(api: LocalApi, data: bytes) -> bytes:
    """Everything the server sends before it closes."""
    with socket.create_connection((api.host, api.port), timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /stats HTTP/1.1\r\nPadding: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_cannot_be_read_is_answered_and_closed(api: LocalApi, data: bytes, status: bytes) -> None:
    """And the server goes on."""
    assert raw(api, data).startswith(b"HTTP/1.1 " + status)
    assert post(api, TRACK)[0] == 200


def test_an_upgrade_is_answered_as_if_it_had_not_been_asked_for(api: LocalApi) -> None:
    """RFC 9110 lets a server ignore it; the connection ends there."""
    answer = raw(api, b"GET /stats HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nmore")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_beyond_20_mib_is_refused_while_it_comes(api: LocalApi) -> None:
    """The limit of Filum's own SDK for one request."""
    head = b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n"
    with socket.create_connection((api.host, api.port), timeout=30) as connection:
        sender = threading.Thread(target=_send_all, args=(connection, head + b"x" * 30_000_000), daemon=True)
        sender.start()
        assert connection.recv(12) == b"HTTP/1.1 413"
    sender.join(10)


def _send_all(connection: socket.socket, data: bytes) -> None:
    """The other end closes midway, which is the point."""
    try:
        connection.sendall(data)
    except OSError:
        return


def test_curl_may_ask_first(api: LocalApi) -> None:
    """Expect: 100-continue is what curl sends with larger bodies."""
    body = json.dumps(TRACK).encode()
    head = (
        "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer k\r\n"
        f"Connection: close\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = raw(api, head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_a_taken_port_is_an_error_with_a_remedy(api: LocalApi) -> None:
    """Said at once, not on the first request."""
    with pytest.raises(ConsumerError, match="address already in use") as caught:
        LocalApi(port=api.port)
    assert "--port" in caught.value.remedy


def test_stop_ends_thread_and_connections_and_keeps_what_was_counted(api: LocalApi) -> None:
    """A test may look after the end; repeat-safe."""
    with socket.create_connection((api.host, api.port), timeout=10) as idle:
        post(api, TRACK)
        api.stop()
        assert idle.recv(1) == b""
    api.stop()
    assert api.stats()["accepted"] == 1
    assert "local-api" not in {thread.name for thread in threading.enumerate()}


# Options


def test_options_mean_what_the_control_means() -> None:
    """One vocabulary for flags and for run time."""
    assert _latency("20ms") == 0.02
    assert _latency("10ms-1s") == [0.01, 1.0]
    assert _statuses(["u1=400", "a=b=503"], "--answer-user") == {"u1": 400, "a=b": 503}
    for wrong in ("fast", "10-20"):
        with pytest.raises(UsageError, match="--latency"):
            _latency(wrong)
    with pytest.raises(UsageError, match="--answer-user"):
        _statuses(["u1"], "--answer-user")
    with pytest.raises(UsageError, match="from 0 to 1"):
        control_of({"failure_ratio": 3})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    """It says where it listens, and at the end what it counted."""
    code = "import typer; from bridge.cli.api import api; typer.run(api)"
    command = [sys.executable, "-c", code, "--port", "0", "--answer-user", "bad=400"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        port = int(url.removesuffix("/events").rsplit(":", 1)[-1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer k"}
        connection.request("POST", "/events", json.dumps(changed(user_id="bad")), headers)
        assert connection.getresponse().status == 400
        connection.close()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("0 events accepted, 0 duplicates; 1 requests 400:1\n")
