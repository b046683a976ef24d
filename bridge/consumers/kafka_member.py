"""One group member at work. Every method runs on the consumer thread, the client's only owner.

A turn: starts of new partitions → commits → what is watched once a second → room → pauses → read and hand
over. Rebalances come out of ``read``: what is revoked there is drained and committed before ``read``
returns; what is assigned there waits for the next turn, so that no batch holds two epochs of a partition.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress

from bridge.consumers.base import ConsumerStats, Inbox, Kept, Link
from bridge.consumers.kafka_assignment import Assignment
from bridge.consumers.kafka_client import (
    ConsumerClient,
    Mark,
    Message,
    Partition,
    Watcher,
)
from bridge.consumers.kafka_commits import CommitQueue, limit_below, mark_of
from bridge.consumers.kafka_faults import Fault, Kind, PartitionFault
from bridge.consumers.kafka_lag import Lag
from bridge.consumers.kafka_link import LinkState
from bridge.consumers.kafka_logs import LogWatch
from bridge.consumers.kafka_records import records_of
from bridge.consumers.kafka_settings import KafkaSettings
from bridge.consumers.kafka_start import commit_beginning, commit_last, is_lost, start_offsets, subscribed
from bridge.errors import ConsumerError
from bridge.model import Position, Stream

_BATCH = 500
_READ_SECONDS = 0.1
_IDLE_READ_SECONDS = 0.02
"""Of a member without partitions: what is assigned inside a read begins only when the read has ended."""
_ROOM_SECONDS = 0.1
_THROTTLE_SECONDS = 1.0
"""So long without room, and everything is paused: rebalances are served by reading."""
_WATCH_SECONDS = 1.0
_PROBE_SECONDS = 0.5
_STANDBY_SECONDS = 5.0
_UNSEEN_SECONDS = 3.0
"""So long a topic may be there and not be noticed by the client."""
_LAST_COMMIT_SECONDS = 3.0
_RETRY_START_SECONDS = 0.5
_NAME_LOGS_SECONDS = 3.0
_METADATA_CHARACTERS = 4096
"""The brokers' default for ``offset.metadata.max.bytes``."""

_PASSING = {Kind.BROKER_GONE, Kind.UNREACHABLE, Kind.NOT_MEMBER}

OpenClient = Callable[[Watcher], ConsumerClient]
Serve = Callable[[], None]


class Member:
    """Reads for one source.

    Args:
        settings: of the source; ``topics`` are filled in.
        inbox: the loop.
        stats: written here alone.
        open_client: makes the client; called once, on this thread.
        serve: runs the commands that the loop has put aside.
        excluded_topics: never read, even if a pattern matches them (dead letters).
        revoke_budget_seconds: how long a rebalance may wait for what is in flight.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        inbox: Inbox,
        stats: ConsumerStats,
        open_client: OpenClient,
        serve: Serve,
        *,
        excluded_topics: Collection[str] = (),
        revoke_budget_seconds: float = 10.0,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._stats = stats
        self._open_client = open_client
        self._serve = serve
        self._excluded = frozenset(excluded_topics)
        self._revoke_budget_seconds = revoke_budget_seconds
        self._assignment = Assignment(settings.name)
        self._commits = CommitQueue()
        self._link = LinkState(inbox)
        self._client: ConsumerClient
        self._logs: LogWatch
        self._lag: Lag
        self._fatal: ConsumerError | None = None
        self._is_throttled = False
        self._farewell: Future[Sequence[Position]] | None = None
        self._no_room_since: float | None = None
        self._answers = False
        self._connected_at = 0.0
        self._has_joined = False
        self._watch_at = 0.0
        self._start_at = 0.0
        self._unsure_at = 0.0
        """When a topic was missing, or brokers that may have lost it; 0: our group knows what there is."""

    # The thread's turns

    def open(self) -> None:
        """Make the client and join; connecting goes on in the background.

        Raises:
            ConsumerError: the settings cannot work.
        """
        self._inbox.link(Link.CONNECTING, f"connecting to {self._settings.brokers}")
        self._stats.metadata_limit = _METADATA_CHARACTERS if self._settings.offset_map else 0
        self._client = self._open_client(self)
        self._logs = LogWatch(self._client)
        self._lag = Lag(self._client, self._stats)
        self._client.subscribe(self._settings.topics)
        # The first read serves the error callbacks, which know more than a probe that fails.
        self._watch_at = time.monotonic() + _READ_SECONDS

    def turn(self) -> None:
        """Go round once; a fifth of a second at most while nothing is slow.

        Raises:
            ConsumerError: the client is of no use any more.
        """
        now = time.monotonic()
        self._stats.last_progress_seconds = now
        self._start_partitions(now)
        self._send_commits(now)
        self._watch(now)
        if self._may_read(now):
            self._put_pauses()
            seconds = _READ_SECONDS if self._assignment.routes else _IDLE_READ_SECONDS
            self._hand_over(*self._client.read(_BATCH, seconds))
        if self._fatal is not None:
            raise self._fatal

    def leave(self, budget_seconds: float) -> None:
        """Drain, commit and leave the group; the thread polls meanwhile, so as to stay a member."""
        deadline = time.monotonic() + budget_seconds
        drain_seconds = max(budget_seconds - _LAST_COMMIT_SECONDS, budget_seconds / 2)
        partitions = [Partition(*place) for place in self._assignment.routes]
        self._is_throttled = True
        if partitions:
            self._farewell = self._inbox.revoked(self._assignment.streams(), drain_seconds)
            self._poll_until(self._farewell, time.monotonic() + drain_seconds + 0.2)
            still_ours = self._assignment.ours(partitions)
            left_seconds = max(deadline - time.monotonic(), 0.1)
            self._settle_last(still_ours, _result(self._farewell), left_seconds)
            self._forget(still_ours)

    def close(self) -> None:
        """Leave the group. librdkafka's close has no timeout (confluent-kafka-python issue 1801)."""
        with suppress(ConsumerError):
            self._client.close()

    def _poll_until(self, answer: Future[Sequence[Position]], deadline: float) -> None:
        while not answer.done() and time.monotonic() < deadline:
            self._stats.last_progress_seconds = time.monotonic()
            self._serve()
            self._put_pauses()
            self._client.read(_BATCH, _READ_SECONDS / 2)

    # Commands of the loop

    def settle(self, positions: Sequence[Position]) -> None:
        """Remember what to commit; of an old epoch: drop and count."""
        for position in positions:
            if self._assignment.epoch(position.stream) == position.epoch:
                self._commits.want(position)
            else:
                self._stats.commits_fenced += 1

    def pause(self, streams: Collection[Stream]) -> None:
        """Remember; the next turn tells the client."""
        self._assignment.wanted_paused.update(streams)

    def resume(self, streams: Collection[Stream]) -> None:
        """Remember; the next turn tells the client."""
        self._assignment.wanted_paused.difference_update(streams)

    # Rebalances (inside read)

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """Their start is looked up in the next turn."""
        self._has_joined = True
        if partitions:
            self._unsure_at = 0.0
            self._stats.rebalanced("assigned")
        self._assignment.pending.update(p for p in partitions if p.topic not in self._excluded)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """Drain within the budget, commit, then fence."""
        if ours := self._assignment.ours(partitions):
            self._stats.rebalanced("revoked")
            self._drain(ours)
        self._forget(partitions)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Fence, commit nothing."""
        if ours := self._assignment.ours(partitions):
            self._stats.rebalanced("lost")
            self._inbox.lost([self._assignment.stream(partition) for partition in ours])
        self._has_joined, self._connected_at = False, time.monotonic()
        self._unsure_at = self._connected_at
        self._link.is_suspect = True
        self._forget(partitions)

    def _drain(self, ours: Sequence[Partition]) -> None:
        answer = self._farewell
        if answer is None:
            streams = [self._assignment.stream(partition) for partition in ours]
            answer = self._inbox.revoked(streams, self._revoke_budget_seconds)
        deadline = time.monotonic() + self._revoke_budget_seconds + 0.5
        while not answer.done() and time.monotonic() < deadline:
            self._stats.last_progress_seconds = time.monotonic()
            wait([answer], timeout=0.5)
        self._settle_last(ours, _result(answer), _LAST_COMMIT_SECONDS)

    def _settle_last(
        self, partitions: Sequence[Partition], positions: Sequence[Position], budget_seconds: float
    ) -> None:
        """Commit the final positions, and know that they arrived."""
        self._serve()
        self.settle([position for position in positions if Partition(*position.stream[1:]) in partitions])
        latest = self._commits.latest([self._assignment.stream(partition) for partition in partitions])
        marks = {Partition(*stream[1:]): mark_of(position) for stream, position in latest.items()}
        if marks:
            seconds = min(budget_seconds, _LAST_COMMIT_SECONDS)
            self._stats.commit_answered(commit_last(self._client, marks, seconds), time.monotonic())

    def _forget(self, partitions: Sequence[Partition]) -> None:
        streams = [self._assignment.stream(partition) for partition in partitions]
        self._assignment.end(partitions)
        self._logs.end(partitions)
        self._commits.forget(streams)
        self._lag.forget(streams)
        self._show()

    # Starts

    def _start_partitions(self, now: float) -> None:
        """Outside of callbacks: a lookup that fails is repeated, and nothing is read before."""
        pending = sorted(self._assignment.pending)
        if not pending or now < self._start_at:
            return
        settings = self._settings
        try:
            marks = start_offsets(self._client, pending, settings.topics, settings.start)
        except ConsumerError as error:
            self._start_at = now + _RETRY_START_SECONDS
            self._link.tell(f"waiting for the offsets of group {settings.group}: {error}")
            return
        self._begin(marks, self._name_logs(pending))

    def _name_logs(self, partitions: Collection[Partition]) -> Mapping[str, str]:
        """Once an assignment; without names, maps of finished offsets are neither used nor written."""
        try:
            logs = self._client.logs({partition.topic for partition in partitions}, _NAME_LOGS_SECONDS)
        except ConsumerError as error:
            self._link.tell(f"no topic ids, so finished offsets are not kept with commits: {error}")
            logs = {}
        self._logs.begin(partitions, logs, time.monotonic())
        return logs if self._stats.metadata_limit else {}

    def _begin(self, marks: Mapping[Partition, Mark], logs: Mapping[str, str]) -> None:
        epochs = self._assignment.begin(marks)
        offsets = {partition: mark.offset for partition, mark in marks.items()}
        kept = {
            self._assignment.stream(p): Kept(f"{logs[p.topic]}/{p.number}", *mark)
            for p, mark in marks.items()
            if p.topic in logs
        }
        self._lag.committed({self._assignment.stream(p): offset for p, offset in offsets.items()})
        self._inbox.assigned(epochs, kept)
        self._client.add(offsets)
        # A pause of an earlier assignment may have stayed on in the client, by version (librdkafka 1849).
        self._client.resume(offsets)
        self._put_pauses()
        self._show()
        self._report_state()

    # Commits

    def _send_commits(self, now: float) -> None:
        positions = self._commits.take(now)
        if not positions:
            return
        try:
            self._client.commit({Partition(*s[1:]): mark_of(p) for s, p in positions.items()})
        except ConsumerError as error:
            self._commits.failed_to_send(now)
            self._stats.commit_answered(False, now)
            self._link.tell(f"commit failed, will be repeated: {error}")

    def on_committed(self, results: Mapping[Partition, Fault | None]) -> None:
        """Note what is committed now; a failure is repeated."""
        now, ours = time.monotonic(), False
        for partition, fault in results.items():
            stream = self._assignment.stream(partition)
            ours = ours or bool(self._commits.latest([stream]))
            if fault is not None and fault.kind is Kind.METADATA_TOO_LARGE:
                self._learn_limit(stream)
            position = self._commits.answered(stream, fault, now)
            if position is not None:
                self._lag.committed({stream: position.offset})
        faults = [fault for fault in results.values() if fault is not None]
        if ours:
            self._stats.commit_answered(not faults, self._commits.sent_at)
        for fault in faults:
            self._judge(fault)

    def _learn_limit(self, stream: Stream) -> None:
        if refused := self._commits.flying(stream):
            self._stats.metadata_limit = limit_below(refused, self._stats.metadata_limit)

    # Reading

    def _may_read(self, now: float) -> bool:
        if self._inbox.wait_for_room(_ROOM_SECONDS):
            self._no_room_since, self._is_throttled = None, False
            return True
        if self._no_room_since is None:
            self._no_room_since = now
        self._is_throttled = now - self._no_room_since > _THROTTLE_SECONDS
        return self._is_throttled

    def _put_pauses(self) -> None:
        pause, resume = self._assignment.change_pauses(everything=self._is_throttled)
        if pause:
            self._client.pause(pause)
        if resume:
            self._client.resume(resume)
        if pause or resume:
            self._stats.paused = self._assignment.at_rest()

    def _hand_over(self, messages: Sequence[Message], faults: Sequence[PartitionFault]) -> None:
        """Those of partitions that are not ours any more are dropped here."""
        batch = records_of(messages, self._assignment.routes)
        topics = {record.stream.name for record in batch}
        if batch and (replaced := self._logs.replaced_in(topics, time.monotonic())):
            batch = [record for record in batch if Partition(*record.stream[1:]) not in replaced]
            self._begin_again(replaced)
        if batch:
            self._lag.heard(topics)
            self._stats.consumed_total += len(batch)
            self._inbox.records(batch, self._stats.consumed_total)
        for one in faults:
            self._partition_failed(one)

    def _partition_failed(self, one: PartitionFault) -> None:
        partition = Partition(one.topic, one.number)
        if one.fault.kind is Kind.OFFSET_LOST and partition in self._assignment.routes:
            self._offset_lost(partition)
            return
        if one.fault.kind is Kind.REFUSED:
            self._lag.refuse(one.topic)
        self._judge(one.fault)

    def _offset_lost(self, partition: Partition) -> None:
        """Retention, or a truncated log, took the records that come next; or it is another log."""
        if replaced := self._logs.replaced_now({partition.topic}):
            self._begin_again(replaced)
            return
        if self._reads_on(partition):
            return
        stream = self._assignment.stream(partition)
        place = f"{partition.topic}[{partition.number}]"
        self._stats.offsets_lost += 1
        if self._settings.on_offset_lost == "stop":
            self._assignment.held.add(stream)
            self._show()
            remedy = "set `on_offset_lost: earliest`, or reset the group's offset, and restart"
            self._link.tell(f"{place} is held: the broker has lost the offset to read next ({remedy})")
            return
        self._drain([partition])
        self._restart_at_beginning(partition)
        self._link.tell(f"{place}: the broker has lost the offset to read next; goes on at its beginning")

    def _reads_on(self, partition: Partition) -> bool:
        """Whether nothing says that what comes next is gone: the fault may be of a position left since.

        librdkafka (2.16) tells faults of a partition's old position after it was removed and added. Reading
        is set to the same offset again: if that is gone, as long as no broker says so, the fault comes again.
        """
        offset = self._client.next_offset(partition)
        if is_lost(self._client, partition, offset, _LAST_COMMIT_SECONDS):
            return False
        self._client.remove([partition])
        self._client.add({partition: offset})
        self._assignment.moved(partition)
        return True

    def _begin_again(self, partitions: Collection[Partition]) -> None:
        """Their topics were deleted and made again: what was read ends, then the new log is read."""
        for partition in self._assignment.ours(sorted(partitions)):
            self._stats.offsets_lost += 1
            self._stats.rebalanced("lost")
            self._drain([partition])
            self._restart_at_beginning(partition)
        for topic in sorted({partition.topic for partition in partitions}):
            self._link.tell(f"{topic} was deleted and made again: it is read from its beginning")

    def _restart_at_beginning(self, partition: Partition) -> None:
        """A new epoch, since offsets may go back; until its commit succeeds, the old one fails again."""
        self._forget([partition])
        self._client.remove([partition])
        self._assignment.pending.add(partition)
        commit_beginning(self._client, partition, _LAST_COMMIT_SECONDS)

    # Connection and figures

    def on_fault(self, fault: Fault) -> None:
        """Out of the client's error callback: a matter of the whole connection."""
        if fault.kind is Kind.FATAL:
            self._judge(fault)
        else:
            self._link.suspect(fault)

    def _judge(self, fault: Fault) -> None:
        """A matter of one partition or commit; what passes by itself is not worth a line."""
        if fault.kind is Kind.FATAL:
            self._fatal = self._fatal or fault.as_error()
        elif fault.kind not in _PASSING:
            if fault.kind is Kind.UNKNOWN_TOPIC:
                self._unsure_at = time.monotonic()
            self._link.suspect(fault)
            self._link.tell(f"{fault.text} ({fault.remedy})" if fault.remedy else fault.text)

    def _watch(self, now: float) -> None:
        if now < self._watch_at:
            return
        self._watch_at = now + _WATCH_SECONDS
        if self._link.is_suspect:
            self._probe(now)
        if not self._link.is_suspect:
            self._report_state()
            self._measure_lag()
            self._join_anew(now)
            self._begin_again(self._logs.replaced(now))

    def _probe(self, now: float) -> None:
        try:
            self._client.partitions(_PROBE_SECONDS)
        except ConsumerError as error:
            self._link.down(self._settings.brokers, str(error))
            self._answers = False
            return
        if not self._answers:
            self._answers, self._connected_at = True, now
        self._link.is_suspect = False

    def _report_state(self) -> None:
        """A member without partitions is on standby once it is known to have joined."""
        if self._link.is_suspect:
            return
        is_late = time.monotonic() - self._connected_at > _STANDBY_SECONDS
        if not self._assignment.routes and not self._client.is_member():
            if is_late:
                self._link.outside(self._settings.group)
            return
        has_work = bool(self._assignment.routes or self._assignment.pending)
        has_joined = self._has_joined or is_late
        self._link.up(Link.STANDBY if has_joined and not has_work else Link.CONNECTED)

    def _join_anew(self, now: float) -> None:
        """A topic made anew while we join again is no change to librdkafka (2.16): nobody is given any."""
        if not self._unsure_at or self._assignment.routes or self._assignment.pending:
            return
        try:
            there = subscribed(self._client.partitions(_PROBE_SECONDS), self._settings.topics)
        except ConsumerError:
            there = []
        if not there:
            self._unsure_at = now
        elif now - self._unsure_at > _UNSEEN_SECONDS:
            self._unsure_at = 0.0
            self._client.subscribe(self._settings.topics)

    def _measure_lag(self) -> None:
        ours = {Partition(*place): stream for place, (stream, _) in self._assignment.routes.items()}
        self._lag.measure(ours, self._assignment.at_rest())

    def _show(self) -> None:
        self._stats.assigned = self._assignment.streams()
        self._stats.paused = self._assignment.at_rest()
        self._stats.without_offset = frozenset(self._assignment.held)


def _result(answer: Future[Sequence[Position]]) -> Sequence[Position]:
    """The loop's answer; none in time means that nothing new may be committed."""
    return answer.result() if answer.done() else ()
