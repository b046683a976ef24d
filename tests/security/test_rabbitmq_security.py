"""A real RabbitMQ behind TLS: what delivers, and what is said, and not said, when either end refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.api import LocalApi
from tests.e2e.api import Api
from tests.e2e.auditor import audit, make, queue_rules, taken_of
from tests.e2e.bridge import Bridge
from tests.parts.process import wait_until
from tests.parts.secure_rabbitmq import PASSWORD, USER, SecureRabbitMQ
from tests.security.commands import command
from tests.security.standing import stands
from tests.send.http1.certificates import Authority, Pair

pytestmark = pytest.mark.rabbitmq
RECORDS, USERS, SEED = 50, 5, 20_261_127
WRONG = "wr0ng-s3cret"
FILE = {"type": "file", "path": "letters.jsonl"}
PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


def records(node: SecureRabbitMQ) -> str:
    """A queue with records of some users, written through the plain door."""
    queue = node.new_queue("secure", x_single_active_consumer=True)
    node.publish(queue, *(one.body for one in make(RECORDS, USERS, SEED)))
    return queue


def way(node: SecureRabbitMQ, client: Pair | None = None, **other: Any) -> dict[str, Any]:
    """To the node's TLS door, by password; with a certificate where one is given."""
    tls = {"ca": str(node.authority.cert)}
    if client is not None:
        tls |= {"cert": str(client.cert), "key": str(client.key)}
    return {
        "url": node.door,
        "username": USER,
        "password": {"env": "RABBITMQ_PASSWORD"},
        "tls": tls,
        **other,
    }


@contextmanager
def running(
    home: Path,
    queue: str,
    connection: Mapping[str, Any],
    *,
    password: str = PASSWORD,
    letters: Mapping[str, Any] = FILE,
    **env: str,
) -> Iterator[tuple[Bridge, Api]]:
    """A bridge that reads the queue over this connection, started and not waited for."""
    config = {
        "sources": [{"name": "desk", "type": "rabbitmq", "queues": [queue], **connection}],
        "destinations": {"default": {"url": "${API_URL}", "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": letters,
    }
    local = LocalApi(port=0)
    api = Api(local.url)
    env |= {"RABBITMQ_PASSWORD": password, "API_URL": api.events_url}
    bridge = Bridge(home, config, {"audit.yaml": queue_rules(queue)}, env)
    bridge.process.start()
    try:
        yield bridge, api
    finally:
        bridge.kill()
        local.stop()


def delivers(node: SecureRabbitMQ, queue: str, bridge: Bridge, api: Api) -> None:
    """Everything, once, in order, and settled at the broker; the log says no secret."""
    wait_until(lambda: api.accepted_count() >= RECORDS, timeout_seconds=60, what="all delivered")
    bridge.stop()
    result = audit(make(RECORDS, USERS, SEED), taken_of(api.accepted()))
    assert (result.lost, result.duplicates, result.order_violations) == (0, 0, 0)
    assert node.depth(queue) == 0
    assert PASSWORD not in bridge.log.read_text()


def refused(bridge: Bridge, api: Api, problem: str, *words: str) -> None:
    """Nothing is delivered; reason and remedy are said, in few lines, and no secret; the process lives.

    ``problem`` is what the page has of it too.
    """
    wait_until(
        lambda: all(word in bridge.log.read_text() for word in (problem, *words)),
        timeout_seconds=60,
        what=f"{problem} {words}",
    )
    assert problem in PAGE
    stands(bridge, api, 2, PASSWORD, WRONG)


def in_the_secret(node: SecureRabbitMQ) -> tuple[dict[str, Any], str]:
    """User and password in the URL."""
    whole = node.door.replace("://", f"://{USER}:{PASSWORD}@")
    return {"url": {"env": "AMQP_URL"}, "tls": {"ca": str(node.authority.cert)}}, whole


@pytest.mark.parametrize("place", ["beside the url", "in the url"])
def test_a_password(tmp_path: Path, node: SecureRabbitMQ, place: str) -> None:
    """Over TLS, with the authority's certificate given."""
    queue = records(node)
    connection, url = in_the_secret(node) if place == "in the url" else (way(node), "")
    with running(tmp_path, queue, connection, AMQP_URL=url) as (bridge, api):
        delivers(node, queue, bridge, api)


def test_a_wrong_password_is_mended_in_its_file(tmp_path: Path, node: SecureRabbitMQ) -> None:
    """It is read before each attempt."""
    queue = records(node)
    (tmp_path / "password").write_text(WRONG)
    connection = way(node, password={"file": "password"})
    with running(tmp_path, queue, connection) as (bridge, api):
        refused(bridge, api, "Login was refused", "check username, password and virtual host of `url`")
        (tmp_path / "password").write_text(PASSWORD)
        delivers(node, queue, bridge, api)


def test_a_certificate(tmp_path: Path, strict_node: SecureRabbitMQ) -> None:
    """One that the node trusts delivers, where it demands one."""
    queue = records(strict_node)
    client = strict_node.authority.issue("client")
    with running(tmp_path, queue, way(strict_node, client)) as (bridge, api):
        delivers(strict_node, queue, bridge, api)


def _none(_: Path, node: SecureRabbitMQ) -> Pair | None:
    return None


def _strangers(folder: Path, node: SecureRabbitMQ) -> Pair:
    return Authority(folder, "stranger").issue("client")


def _expired(folder: Path, node: SecureRabbitMQ) -> Pair:
    return node.authority.issue("late", expired=True)


@pytest.mark.parametrize(
    ("client", "why"),
    [(_none, "certificate required"), (_strangers, "unknown ca"), (_expired, "certificate expired")],
)
def test_a_certificate_that_is_refused(
    tmp_path: Path,
    strict_node: SecureRabbitMQ,
    client: Callable[[Path, SecureRabbitMQ], Pair | None],
    why: str,
) -> None:
    """The node says so behind the handshake, and hangs up: told as what it is."""
    queue = records(strict_node)
    connection = way(strict_node, client(tmp_path, strict_node))
    with running(tmp_path, queue, connection) as (bridge, api):
        refused(bridge, api, "the broker wants another certificate of us", f": {why} (give `tls.cert` and")
    assert why in PAGE
    assert strict_node.depth(queue) == RECORDS


def test_a_certificate_is_put_in_place_without_a_restart(tmp_path: Path, strict_node: SecureRabbitMQ) -> None:
    """Files are read before each attempt; one that is missing is named. So is one that has run out."""
    queue = records(strict_node)
    good = strict_node.authority.issue("client")
    later = Pair(tmp_path / "later.pem", tmp_path / "later.key")
    with running(tmp_path, queue, way(strict_node, later)) as (bridge, api):
        refused(bridge, api, "cannot be used", f"`tls.cert` {later.cert}", "PEM files")
        later.key.write_bytes(good.key.read_bytes())
        later.cert.write_bytes(good.cert.read_bytes())
        delivers(strict_node, queue, bridge, api)


def test_a_node_that_is_not_trusted(tmp_path: Path, node: SecureRabbitMQ) -> None:
    """Another authority signed its certificate; or the system's authorities did not."""
    queue = records(node)
    stranger = Authority(tmp_path, "stranger")
    for name, tls in (("other", {"ca": str(stranger.cert)}), ("system", None)):
        (home := tmp_path / name).mkdir()
        with running(home, queue, way(node, tls=tls)) as (bridge, api):
            refused(bridge, api, "the broker's certificate is not trusted", "give `tls.ca` the authority")
    assert node.depth(queue) == RECORDS


@pytest.mark.parametrize(
    ("shown", "why", "remedy"),
    [
        ({"expired": True}, "certificate has expired", "renew the broker's certificate"),
        ({"names": "subjectAltName=DNS:other.test"}, "not valid for '127.0.0.1'", "connect by a name"),
    ],
    ids=["expired", "another name"],
)
def test_the_nodes_certificate_is_renewed(
    tmp_path: Path, node: SecureRabbitMQ, shown: dict[str, Any], why: str, remedy: str
) -> None:
    """Nothing goes through before, everything after, and the bridge is the same process."""
    queue = records(node)
    node.show(node.authority.issue("bad", **shown))
    with ExitStack() as stack:
        stack.callback(node.show, node.pair)
        bridge, api = stack.enter_context(running(tmp_path, queue, way(node)))
        refused(bridge, api, "the broker's certificate is not trusted", why, remedy)
        node.show(node.pair)
        delivers(node, queue, bridge, api)


def test_a_port_that_speaks_otherwise(tmp_path: Path, node: SecureRabbitMQ) -> None:
    """TLS where there is none, and none where there is: not taken for a broken network."""
    queue = records(node)
    ca = {"ca": str(node.authority.cert)}
    plain, tls = node.address.replace("amqp:", "amqps:"), node.door.replace("amqps:", "amqp:")
    for name, way_on, problem in (
        ("plain", way(node, url=plain, tls=ca), "no TLS at this address"),
        ("tls", way(node, url=tls, tls=None), "the other end hung up before it spoke AMQP"),
    ):
        (home := tmp_path / name).mkdir()
        with running(home, queue, way_on) as (bridge, api):
            refused(bridge, api, problem, "check the port of `url`")


def test_a_url_that_is_none(tmp_path: Path, node: SecureRabbitMQ) -> None:
    """A slash in a password ends the host; no part of it is told."""
    queue = records(node)
    url = node.door.replace("://", f"://{USER}:{PASSWORD}/x@")
    connection, _ = in_the_secret(node)
    with running(tmp_path, queue, connection, AMQP_URL=url) as (bridge, api):
        refused(bridge, api, "`url` is no AMQP URL", "%2F")


# Dead letters


def poisoned(node: SecureRabbitMQ) -> str:
    """A queue of bodies that no decoder takes."""
    queue = node.new_queue("poisoned", x_single_active_consumer=True)
    node.publish(queue, *(b"{%d" % number for number in range(RECORDS)))
    return queue


def letters_of(node: SecureRabbitMQ, queue: str) -> list[bytes]:
    """What lies in it, taken out."""
    with node.connect() as connection:
        channel = connection.channel()
        return [channel.basic_get(queue, auto_ack=True)[2] or b"" for _ in range(node.depth(queue))]


def test_the_rights_that_the_page_names_are_enough(tmp_path: Path, node: SecureRabbitMQ) -> None:
    """Reading queues, and writing letters through the default exchange."""
    queue, letters = poisoned(node), node.new_queue("letters")
    node.ctl("add_user", "lean", PASSWORD)
    node.ctl("set_permissions", "lean", "^$", r"^amq\.default$", f"^{queue}$")
    target = {"type": "rabbitmq", "queue": letters}
    with running(tmp_path, queue, way(node, username="lean"), letters=target) as (bridge, _):
        wait_until(lambda: node.depth(letters) == RECORDS, timeout_seconds=60, what="all letters")
        bridge.stop()
    assert node.depth(queue) == 0


@pytest.mark.parametrize("sharing", [True, False], ids=["the source's connection", "one of their own"])
def test_letters_are_written_and_listed_over_mutual_tls(
    tmp_path: Path, node: SecureRabbitMQ, strict_node: SecureRabbitMQ, sharing: bool
) -> None:
    """Confirmed before their records are acked; ``dlq`` goes the same way."""
    read_from = strict_node if sharing else node
    queue, letters = poisoned(read_from), strict_node.new_queue("letters")
    to_strict = way(strict_node, strict_node.authority.issue("client"))
    target = {"type": "rabbitmq", "queue": letters, **({} if sharing else to_strict)}
    connection = to_strict if sharing else way(node)
    with running(tmp_path, queue, connection, letters=target) as (bridge, _):
        wait_until(lambda: strict_node.depth(letters) == RECORDS, timeout_seconds=60, what="all letters")
        bridge.stop()
        listed = command(bridge, "dlq", "ls", "--config", f"{tmp_path}/bridge.yaml")
        assert f"{RECORDS} letters" in listed
        assert PASSWORD not in bridge.log.read_text() + listed
    assert read_from.depth(queue) == 0
    assert letters_of(strict_node, letters) == [b"{%d" % number for number in range(RECORDS)]


def test_letters_whose_node_refuses_wait_and_are_written_when_it_does_not(
    tmp_path: Path, node: SecureRabbitMQ, strict_node: SecureRabbitMQ
) -> None:
    """Their records stay unsettled at the source's node, and the reason is the letters'."""
    queue, letters = poisoned(node), strict_node.new_queue("letters")
    shown = Pair(tmp_path / "shown.pem", tmp_path / "shown.key")
    put(strict_node.authority.issue("late", expired=True), shown)
    target = {"type": "rabbitmq", "queue": letters, **way(strict_node, shown)}
    with running(tmp_path, queue, way(node), letters=target) as (bridge, _):
        wait_until(
            lambda: (
                bridge.total("bridge_stalled", 'reason="dead_letters_unavailable"') == 1
                if bridge.status("/livez") == 200
                else False
            ),
            timeout_seconds=90,
            what="dead_letters_unavailable",
        )
        assert bridge.total("bridge_records_settled_total") == 0
        said = bridge.log.read_text()
        assert "dead letter not written" in said
        assert "certificate expired" in said
        assert "give `tls.cert` and `tls.key`" in said
        listed = command(bridge, "dlq", "ls", "--config", f"{tmp_path}/bridge.yaml")
        assert "certificate expired" in listed
        put(strict_node.authority.issue("client"), shown)
        wait_until(lambda: strict_node.depth(letters) == RECORDS, timeout_seconds=90, what="all letters")
        bridge.stop()
        assert PASSWORD not in bridge.log.read_text() + listed
    assert node.depth(queue) == 0
    assert letters_of(strict_node, letters) == [b"{%d" % number for number in range(RECORDS)]


def put(pair: Pair, place: Pair) -> None:
    """This certificate where the bridge looks for its own."""
    place.key.write_bytes(pair.key.read_bytes())
    place.cert.write_bytes(pair.cert.read_bytes())
