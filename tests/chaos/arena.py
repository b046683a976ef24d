"""Where a fault strikes: a broker, bridges, the auditing API, traffic between them, and looks at all of it.

The test's thread owns it. ``Arena`` knows no broker; what each broker adds is in ``kafka_arena`` and
``rabbitmq_arena``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.chaos.api import Acceptance, AuditingApi
from tests.chaos.books import UNEXPLAINED, Life, Row, duplicates, lost, order_violations
from tests.chaos.scrapes import Scraper, Seen, total, unanswered
from tests.chaos.scrapes import stalls as stalls_of
from tests.chaos.traffic import Traffic
from tests.e2e.auditor import Made
from tests.e2e.bridge import Bridge
from tests.parts.process import PartFailed, wait_until
from tests.parts.toxiproxy import Proxy
from tests.send.http1.certificates import Authority

FLOW_RECORDS = 60
END_SECONDS = 60.0
_PATIENCE_SECONDS = 60.0


class Replica:
    """One bridge of several: started and ended any number of times, each time a new life.

    Attributes:
        life: the present one, or the last; empty before the first.
    """

    def __init__(self, name: str, bridge: Bridge, arena: Arena) -> None:
        self._name = name
        self._arena = arena
        self._count = 0
        self.bridge = bridge
        self.life = ""
        self.is_up = False

    def start(self, *, ready: bool = True) -> None:
        """Begin a life; ``ready``: and wait until it says that it is."""
        self.life = f"{self._name}{self._count}"
        self._count += 1
        self._arena.lives[self.life] = Life()
        self.bridge.process.env["API_URL"] = self._arena.url(self.life)
        self.is_up = True
        if ready:
            self.bridge.start()
        else:
            self.bridge.process.start()

    def kill(self) -> None:
        """SIGKILL; what its last commit called finished is looked up before anybody else commits."""
        self.is_up = False
        self.bridge.kill()
        self._arena.killed(self.life)

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.is_up = False
        self.bridge.stop()
        self.ended()

    def ended(self) -> None:
        """Take over what it said of itself at its end."""
        self.is_up = False
        for line in reversed(self.bridge.log.read_text().splitlines()):
            with suppress(ValueError):
                said = json.loads(line)
                if said.get("event") == "bridge stopped":
                    self._arena.lives[self.life].given_back = said["given_back"]
                    return

    def look(self) -> Seen:
        """What is seen of the present life, with one more look."""
        self._arena.scraper.look(self.life)
        return self._arena.scraper.seen[self.life]


@dataclass
class Setting:
    """What a fault wants of its arena.

    Attributes:
        rate: records a second.
        users: over so many.
        protocol: of Kafka's groups.
        source: more keys of the source.
        destination: more keys of the destination.
        config: more keys of the configuration.
        broker: settings of the broker, in its own format; a broker of its own is started if there are any, or
            if ``own_broker`` says so.
        proxied: the brokers, and the API, are reached through proxies.
        paired: two brokers of its own, the second of which coordinates the group and leads nothing.
        tls: the API speaks TLS.
        queue: arguments of the queue (RabbitMQ).
        letters: where dead letters go: ``file``, ``kafka``, ``rabbitmq``, or ``disk``, a file on a tiny disk.
        env: more environment of the bridge.
    """

    rate: int = 200
    users: int = 40
    protocol: str = "classic"
    source: Mapping[str, Any] = field(default_factory=dict)
    destination: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    broker: str = ""
    own_broker: bool = False
    proxied: bool = False
    paired: bool = False
    tls: bool = False
    queue: Mapping[str, str | int | bool] = field(default_factory=dict)
    letters: str = "file"
    env: Mapping[str, str] = field(default_factory=dict)


class Arena:
    """One fault's world.

    Args:
        home: its folder.
        api: where events go.
        traffic: where records come from.
        seed: of all chance.
        is_long: the fault may take its time.
        broker_proxy: the way to the broker, where the setting asks for one.

    Attributes:
        lives: every run of every bridge.
        deleted: whether a record that was lost had been deleted by the broker itself.
        patience_seconds: how long anything may take.
    """

    def __init__(
        self,
        home: Path,
        api: AuditingApi,
        traffic: Traffic,
        *,
        seed: int,
        is_long: bool,
        broker_proxy: Proxy | None,
    ) -> None:
        self.home = home
        self.api = api
        self.traffic = traffic
        self.seed = seed
        self.is_long = is_long
        self.lives: dict[str, Life] = {}
        self.replicas: list[Replica] = []
        self.scraper = Scraper(self._addresses)
        self.api_proxy: Proxy | None = None
        self.broker_proxy = broker_proxy
        self.authority: Authority | None = None
        self.letters: Callable[[], list[Made]] = self._letters_of_files
        self.deleted: Callable[[Made], bool] = lambda _: False
        self.env: dict[str, str] = {}
        self.patience_seconds = _PATIENCE_SECONDS
        self._closed: dict[str, Life] = {}
        self._closed_below: dict[str, int] = {}
        self._over_at = 0.0
        self._recovery_seconds = -1.0

    def destination(self, setting: Setting) -> dict[str, Any]:
        """The API, with quick timeouts, so that a test need not wait for minutes."""
        return {
            "url": "${API_URL}",
            "write_key": {"env": "FILUM_WRITE_KEY"},
            "max_in_flight": 32,
            "timeout": {"connect": "2s", "read": "2s", "write": "2s"},
            "retry": {"base": "100ms", "cap": "1s"},
            "transport": {} if self.authority is None else {"ca": str(self.authority.cert)},
            **setting.destination,
        }

    # Bridges

    def make(self, name: str) -> Replica:
        """One more bridge, not started."""
        home = self.home / name
        home.mkdir(parents=True)
        replica = Replica(name, self.bridge(home), self)
        replica.bridge.process.env |= self.env
        self.replicas.append(replica)
        return replica

    def bridge(self, home: Path) -> Bridge:
        """A bridge between this arena's broker and API."""
        raise NotImplementedError

    def killed(self, life: str) -> None:
        """A life was killed: note what its last commit knows."""
        raise NotImplementedError

    def is_committed(self) -> bool:
        """Whether the broker knows that all that was made has ended."""
        raise NotImplementedError

    def url(self, life: str) -> str:
        """Where a life posts its events."""
        return self.api.url(life, port=self.api_proxy.port if self.api_proxy else 0)

    @property
    def first(self) -> Replica:
        """The bridge that is there from the start."""
        return self.replicas[0]

    def _addresses(self) -> dict[str, str]:
        return {one.life: one.bridge.metrics_url for one in list(self.replicas) if one.is_up}

    # What a fault does besides breaking

    def begin(self) -> None:
        """One bridge, traffic, looks; returns when events flow."""
        self.make("a").start()
        self.scraper.start()
        self.traffic.start()
        self.flows()

    def flows(self, records: int = FLOW_RECORDS, seconds: float = 0.0) -> None:
        """Wait until so many more were accepted."""
        self.until(
            lambda: False, f"{records} more accepted", seconds, enough=len(self.api.accepted) + records
        )

    def until(
        self,
        ready: Callable[[], bool],
        what: str,
        seconds: float = 0.0,
        *,
        enough: int = 1 << 60,
    ) -> None:
        """Wait for something, or for so many acceptances, for ``patience_seconds`` unless told otherwise."""
        before = len(self.api.accepted)
        try:
            wait_until(
                lambda: len(self.api.accepted) >= enough or ready(),
                timeout_seconds=seconds or self.patience_seconds,
                what=what,
            )
        except PartFailed as problem:
            seen = {one.life: sorted(stalls_of(one.look().last)) for one in self.replicas if one.is_up}
            counts = (
                f"{len(self.traffic.made)} made, {before} accepted before and {len(self.api.accepted)} now"
            )
            raise PartFailed(f"{problem}; {counts}; stalled: {seen}") from None

    def stalls(self, reason: str, replica: Replica | None = None, seconds: float = 0.0) -> None:
        """Wait until ``bridge_stalled`` names this reason."""
        one = replica or self.first
        self.until(
            lambda: total(one.look().last, "bridge_stalled", reason=reason) > 0, f"stalled: {reason}", seconds
        )

    def stands_still(self) -> None:
        """Wait until nothing has been accepted for a second."""
        self.until(lambda: time.monotonic() - newest(self.api.accepted) > 1.0, "no acceptance for a second")

    def over(self) -> None:
        """The cause is over: from now on time to recover counts."""
        self._over_at = time.monotonic()

    def healed(self) -> None:
        """Events flow again; the cause is over now, unless ``over`` said so before."""
        over_at = self._over_at or time.monotonic()
        self._over_at = 0.0
        self.until(lambda: newest(self.api.accepted) > over_at, "accepted again")
        first = next(one for one in self.api.accepted if one.at_seconds > over_at)
        self._recovery_seconds = max(self._recovery_seconds, first.at_seconds - over_at)
        self.flows()

    # The end

    def finish(self, fault: str) -> Row:
        """Stop the traffic, let all end that can, stop the bridges, and close the books."""
        self.traffic.stop()
        with suppress(PartFailed):
            self.until(lambda: not self.missing(), "all accepted or dead letters", END_SECONDS)
        with suppress(PartFailed):
            self.until(self._is_idle, "all settled", 10.0)
        self.scraper.stop()
        for replica in self.replicas:
            if replica.is_up:
                replica.stop()
        return self._row(fault)

    def close_books(self, fault: str) -> Row:
        """While all runs on: wait until what was made has ended, and begin new books.

        Nothing of the old ones may come again: what does is an unexplained duplicate of the new ones.
        """
        self.traffic.pause()
        self.until(lambda: not self.missing(), "all accepted or dead letters")
        self.until(self._is_idle, "all settled")
        self.until(self.is_committed, "all committed")
        row = self._row(fault)
        self._closed = {name: replace(life) for name, life in self.lives.items()}
        for one in self.traffic.made:
            self._closed_below[one.user] = max(self._closed_below.get(one.user, 0), one.seq + 1)
        self.traffic.made.clear()
        self.api.accepted.clear()
        self.traffic.go_on()
        return row

    def end(self) -> None:
        """End what still runs, whatever happened; repeat-safe."""
        self.traffic.stop()
        self.scraper.stop()
        for replica in self.replicas:
            replica.bridge.process.thaw()
            replica.bridge.kill()

    def _is_idle(self) -> bool:
        return all(
            total(one.look().last, "bridge_records_in_flight") == 0 for one in self.replicas if one.is_up
        )

    def missing(self) -> list[Made]:
        """Made, not ended, and not deleted by the broker."""
        missing = lost(dict(self.traffic.made), list(self.api.accepted), self.letters())
        return [made for made in missing if not self.deleted(made)]

    def _row(self, fault: str) -> Row:
        accepted, letters, made = list(self.api.accepted), self.letters(), dict(self.traffic.made)
        twice, differ = duplicates(accepted, self._since_closing())
        twice[UNEXPLAINED] += sum(one.seq < self._closed_below.get(one.user, 0) for one in accepted)
        missing = lost(made, accepted, letters)
        deleted = [one for one in missing if self.deleted(one)]
        seen = [self.scraper.seen[life] for life in self.lives]
        return Row(
            fault,
            len(made),
            len(accepted),
            len(missing) - len(deleted),
            len(deleted),
            twice,
            differ,
            order_violations(accepted),
            len(letters),
            max((one.unaccounted for one in seen), default=0.0),
            sum(one.looks for one in seen),
            self._recovery_seconds,
            sorted(set().union(*(one.reasons for one in seen))),
        )

    def _since_closing(self) -> dict[str, Life]:
        """Every life as it is now, less what explained something in closed books."""
        for name, life in self.lives.items():
            last = self.scraper.seen[name].last
            life.given_back = max(life.given_back, int(total(last, "bridge_records_given_back_total")))
            life.unanswered = int(unanswered(last))
            life.losses = self.scraper.seen[name].losses
        return {name: life.since(self._closed.get(name, Life())) for name, life in self.lives.items()}

    def _letters_of_files(self) -> list[Made]:
        homes = [*(replica.bridge.home for replica in self.replicas), self.home / "disk"]
        paths = [home / "letters.jsonl" for home in homes]
        lines = [line for path in paths if path.exists() for line in path.read_text().splitlines()]
        return [made_of(json.loads(line)["value"]) for line in lines]


def made_of(value: str | bytes) -> Made:
    """The record that a dead letter was; one that is not JSON names itself as ``user/seq``."""
    text = value.decode() if isinstance(value, bytes) else value
    try:
        content = json.loads(text)
    except ValueError:
        user, _, seq = text.strip("{").partition("/")
        return Made(user, int(seq))
    return Made(content["user"], content["seq"])


def newest(accepted: list[Acceptance]) -> float:
    """When the last acceptance was."""
    return accepted[-1].at_seconds if accepted else 0.0
