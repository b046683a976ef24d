"""The only importer of pika: its loop, a connection and a channel, typed and without surprises.

Everything but ``Loop.soon`` belongs to the thread in ``Loop.run``. Nothing blocks: what the broker
answers comes as a callback, on that thread. pika takes an exception of a callback for a lost connection;
here it ends the loop and is raised by ``run``, so that a bug stays a bug. pika's errors become ``Fault``
here, by one table.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, ParamSpec
from urllib.parse import urlsplit

from pika import BasicProperties, PlainCredentials, SelectConnection, SSLOptions, URLParameters, exceptions
from pika.adapters.select_connection import IOLoop
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorException,
    AMQPConnectorPhaseErrorBase,
    AMQPConnectorStackTimeout,
)
from pika.channel import Channel as PikaChannel
from pika.frame import Method
from pika.spec import Basic

from bridge.consumers.rabbitmq_faults import Fault, Kind, channel_fault, connection_fault, fault
from bridge.consumers.rabbitmq_frames import Delivery, Frames, ack_frames
from bridge.consumers.rabbitmq_settings import Address, no_address
from bridge.consumers.rabbitmq_tags import Ack
from bridge.consumers.rabbitmq_tls import context_of, last_word, tls_fault, tls_fault_in
from bridge.errors import ConsumerError, DeadLetterTooLarge

P = ParamSpec("P")
Call = Callable[[], None]
_HEARTBEAT_SECONDS = 10
_CONNECT_SECONDS = 5.0
_HANDSHAKE_SECONDS = 10.0
_READ_BYTES = 128 * 1024
_HEADER_BYTES = 96 * 1024
"""Headers travel in one frame, of at most 128 KiB by default on both sides."""


class Publication(NamedTuple):
    """One message for the default exchange; always persistent and mandatory."""

    queue: str
    body: bytes
    headers: Mapping[str, Any]
    message_id: str | None
    content_type: str | None
    content_encoding: str | None
    timestamp_seconds: int | None
    ticket: str
    """Comes back with a return, which has no delivery tag (sent as ``correlation_id``)."""

    def __repr__(self) -> str:
        return f"<Publication {self.ticket} to {self.queue}, {len(self.body)} bytes>"


class Counts(NamedTuple):
    """What the broker says of a queue: messages ready, consumers registered."""

    messages: int
    consumers: int


class Loop:
    """pika's I/O loop, run by one thread."""

    def __init__(self) -> None:
        self.pika = IOLoop()
        self._bug: Exception | None = None

    def run(self) -> None:
        """Serve until ``stop``; closes the loop.

        Raises:
            Exception: what a callback raised.
        """
        try:
            self.pika.start()
        finally:
            self.pika.close()
        if self._bug is not None:
            raise self._bug

    def stop(self) -> None:
        """Let ``run`` return."""
        self.pika.stop()

    def soon(self, call: Call) -> None:
        """Call it on the loop's thread; from any thread."""
        self.pika.add_callback_threadsafe(lambda: self.guard(call))

    def later(self, seconds: float, call: Call) -> None:
        """Call it after that long; cannot be taken back."""
        self.pika.call_later(seconds, lambda: self.guard(call))

    def guard(self, call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call it; what it raises ends the loop."""
        try:
            call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - kept and raised by ``run``
            self._bug = self._bug or error
            self.pika.stop()


class _Pika(SelectConnection):
    """pika's connection, that reads deliveries by itself.

    From the first consumer on, all bytes go through ``Frames``, and pika gets what that hands on, frame by
    frame. A delivery for a channel without a taker (it is about to be closed) is nobody's: it stays unacked,
    and goes back with what else its channel holds.
    """

    _frame_buffer: bytes
    bytes_received: int
    _transport: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.takers: dict[int, Callable[[list[Delivery]], None]] = {}
        self._frames: Frames | None = None
        super().__init__(*args, **kwargs)

    def take(self, channel: int, taker: Callable[[list[Delivery]], None]) -> None:
        """Hand it what is delivered on this channel, in batches as read from the socket."""
        self.takers[channel] = taker
        self._frames = self._frames or Frames()

    def send(self, frames: bytes) -> None:
        """Write what was encoded already."""
        self._output_marshaled_frames([frames])  # type: ignore[attr-defined]

    def _proto_connection_made(self, transport: Any) -> None:
        """One large read a turn, instead of 4 KiB at a time until the kernel has none."""
        transport._MAX_RECV_BYTES = _READ_BYTES  # noqa: SLF001
        if self.params.ssl_options is None:
            transport._MAX_CONSUME_BYTES = 1  # noqa: SLF001 - OpenSSL may hold more than the kernel shows
        super()._proto_connection_made(transport)  # type: ignore[misc]

    def _proto_connection_lost(self, error: BaseException | None) -> None:
        """The socket is still open here."""
        if error is not None and isinstance(self._transport._sock, ssl.SSLSocket):  # noqa: SLF001
            error = last_word(self._transport._sock, error)  # noqa: SLF001
        super()._proto_connection_lost(error)  # type: ignore[misc]

    def _on_data_available(self, data_in: bytes) -> None:
        if self._frames is None:
            super()._on_data_available(data_in)  # type: ignore[misc]
            return
        self.bytes_received += len(data_in)  # looked at for growth alone, instead of heartbeats
        if self._frame_buffer:
            data_in, self._frame_buffer = self._frame_buffer + data_in, b""
        for found in self._frames.feed(data_in):
            if isinstance(found, bytes):
                super()._on_data_available(found)  # type: ignore[misc]
            elif taker := self.takers.get(found.channel):
                taker(found.in_order)


class Connection:
    """One connection, from dialing to its end; never reopened.

    Args:
        loop: whose thread serves it.
        address: where and as whom.
        on_open: it can be used.
        on_closed: it could not be opened, or it ended; said once, after its channels' own ends.

    Raises:
        BridgeError: the address cannot be used at all.
    """

    def __init__(
        self, loop: Loop, address: Address, on_open: Call, on_closed: Callable[[Fault], None]
    ) -> None:
        self._loop = loop
        self._pika = _Pika(
            parameters_of(address),
            on_open_callback=lambda _: loop.guard(on_open),
            on_open_error_callback=lambda _, error: loop.guard(on_closed, fault_of(error)),
            on_close_callback=lambda _, error: loop.guard(on_closed, fault_of(error)),
            custom_ioloop=loop.pika,
        )

    @property
    def is_open(self) -> bool:
        """Whether channels can be opened."""
        return self._pika.is_open

    def channel(
        self, on_open: Callable[[Channel], None], on_closed: Callable[[Channel, Fault], None]
    ) -> Channel:
        """Open a channel; needs ``is_open``."""
        return Channel(self._loop, self._pika, on_open, on_closed)

    def close(self) -> None:
        """Leave in good order; ``on_closed`` follows."""
        if not self._pika.is_closed and not self._pika.is_closing:
            self._pika.close()

    def hang_up(self) -> None:
        """Close the socket without asking the broker; ``on_closed`` follows."""
        if not self._pika.is_closed:
            # pika has no public way
            self._pika._adapter_disconnect_stream()  # type: ignore[attr-defined]  # noqa: SLF001


class Channel:
    """One channel. Each method does nothing once it is closed."""

    def __init__(
        self,
        loop: Loop,
        connection: _Pika,
        on_open: Callable[[Channel], None],
        on_closed: Callable[[Channel, Fault], None],
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._consumer_tag = ""

        def closed(channel: PikaChannel, error: Exception) -> None:
            connection.takers.pop(channel.channel_number, None)
            loop.guard(on_closed, self, fault_of(error))

        def opened(channel: PikaChannel) -> None:
            channel.add_on_close_callback(closed)
            loop.guard(on_open, self)

        self._pika = connection.channel(on_open_callback=opened)

    @property
    def is_open(self) -> bool:
        """Whether the broker takes something on it."""
        return self._pika.is_open

    def count(self, queue: str, on_counts: Callable[[Counts], None]) -> None:
        """Ask for a queue's counts without declaring it; a missing one closes the channel."""
        if self.is_open:
            self._pika.queue_declare(
                queue,
                passive=True,
                callback=lambda answer: self._loop.guard(
                    on_counts, Counts(answer.method.message_count, answer.method.consumer_count)
                ),
            )

    def probe(self, queue: str) -> None:
        """Make the broker say what a queue is: its refusal closes the channel, and its text tells.

        ``x-single-active-consumer`` takes a boolean. A number is refused for every queue, an absent one
        included, so that nothing is ever declared by this.
        """
        if self.is_open:
            arguments = {"x-single-active-consumer": 0}
            self._pika.queue_declare(queue, durable=True, arguments=arguments)

    def consume(
        self,
        queue: str,
        prefetch: int,
        exclusive: bool,
        on_ready: Call,
        on_deliveries: Callable[[list[Delivery]], None],
        on_cancelled: Call,
    ) -> None:
        """Start the channel's only consumer; a refusal closes the channel."""
        if not self.is_open:
            return
        guard = self._loop.guard

        self._connection.take(self._pika.channel_number, lambda found: guard(on_deliveries, found))
        self._pika.add_on_cancel_callback(lambda _: guard(on_cancelled))
        self._subscribe(queue, prefetch, exclusive, lambda _: guard(on_ready))

    def consume_anew(self, queue: str, prefetch: int, exclusive: bool) -> None:
        """Put another consumer in the place of the present one, which keeps the prefetch it began with.

        What is outstanding stays so. Between the two the broker may hand the queue to somebody else; then
        this one waits its turn, or the channel is closed.
        """
        if self.is_open:
            cancel = Basic.Cancel(consumer_tag=self._consumer_tag, nowait=True)
            # past pika, which might keep it back behind a question, so that an ack overtakes it
            self._connection.send(Method(self._pika.channel_number, cancel).marshal())
            self._forget_consumer()
            self._subscribe(queue, prefetch, exclusive, _never)

    def _subscribe(self, queue: str, prefetch: int, exclusive: bool, on_ready: Callable[[Any], None]) -> None:
        self._pika.basic_qos(prefetch_count=prefetch)
        self._consumer_tag = self._pika.basic_consume(queue, _never, exclusive=exclusive, callback=on_ready)

    def ack(self, acks: Sequence[Ack]) -> None:
        """Settle deliveries of this channel, in one write."""
        if acks and self.is_open:
            self._connection.send(ack_frames(self._pika.channel_number, acks))

    def confirm(
        self,
        on_ready: Call,
        on_confirmed: Callable[[int, bool, bool], None],
        on_returned: Callable[[str, str], None],
    ) -> None:
        """Turn publisher confirms on.

        Args:
            on_ready: publishing may begin.
            on_confirmed: number of the publication on this channel (from 1), multiple, accepted.
            on_returned: ticket and reason of a message that reached no queue; said before its number
                is confirmed.
        """
        if not self.is_open:
            return
        guard = self._loop.guard

        def confirmed(answer: Any) -> None:
            method = answer.method
            guard(on_confirmed, method.delivery_tag, method.multiple, isinstance(method, Basic.Ack))

        def returned(_: PikaChannel, method: Basic.Return, properties: BasicProperties, body: bytes) -> None:
            guard(on_returned, properties.correlation_id or "", method.reply_text)

        self._pika.add_on_return_callback(returned)
        self._pika.confirm_delivery(confirmed, callback=lambda _: guard(on_ready))

    def publish(self, what: Publication) -> None:
        """Publish to the default exchange.

        Raises:
            DeadLetterTooLarge: AMQP cannot carry it; nothing was sent.
        """
        if sum(len(name) + len(str(value)) for name, value in what.headers.items()) > _HEADER_BYTES:
            raise DeadLetterTooLarge("the headers do not fit one AMQP frame")
        properties = BasicProperties(
            delivery_mode=2,
            headers={**what.headers},
            message_id=what.message_id,
            content_type=what.content_type,
            content_encoding=what.content_encoding,
            timestamp=what.timestamp_seconds,
            correlation_id=what.ticket,
        )
        try:
            self._pika.basic_publish("", what.queue, what.body, properties, mandatory=True)
        except exceptions.ShortStringTooLong as error:
            raise DeadLetterTooLarge(
                "a header's name or a property is longer than AMQP's 255 bytes"
            ) from error

    def close(self) -> None:
        """End the channel: what is outstanding goes back to where it was; nothing more is taken from it.

        pika would cancel the consumer first, and in a quorum queue the next consumer then begins with what
        comes behind the outstanding ones; a nack would put these at the queue's end (RabbitMQ 3.10).
        """
        if self.is_open:
            self._connection.takers.pop(self._pika.channel_number, None)
            self._forget_consumer()
            self._pika.close()

    def _forget_consumer(self) -> None:
        self._pika._consumers.clear()  # type: ignore[attr-defined]  # noqa: SLF001 - pika has no other way


def _never(*_: object) -> None:
    """For calls that pika wants to make and nobody waits for; deliveries it sees none of."""


def parameters_of(address: Address) -> URLParameters:
    """What pika connects with; one attempt, the caller repeats.

    Raises:
        ConfigError: no AMQP URL. Never shows it.
        ConsumerError: TLS files that cannot be used.
    """
    parameters, host = _parsed(address.url)
    if address.username is not None:
        parameters.credentials = PlainCredentials(address.username, address.password or "")
    if address.tls is not None:
        if parameters.ssl_options is None:
            raise ConsumerError("`tls` needs a url that begins with amqps://")
        parameters.ssl_options = SSLOptions(context_of(address.tls), host)
    if "heartbeat=" not in address.url:
        parameters.heartbeat = _HEARTBEAT_SECONDS
    parameters.connection_attempts = 1
    parameters.socket_timeout = _CONNECT_SECONDS
    parameters.stack_timeout = _HANDSHAKE_SECONDS
    parameters.client_properties = {"connection_name": address.name}
    return parameters


def _parsed(url: str) -> tuple[URLParameters, str]:
    """The URL and its host."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("amqp", "amqps") and parts.hostname:
            return URLParameters(url), parts.hostname
    except (ValueError, TypeError, KeyError):
        pass
    raise no_address()


_FAULTS: tuple[tuple[type[BaseException], Kind, str], ...] = (
    (exceptions.ProbableAuthenticationError, Kind.LOGIN, "the broker hung up at the login"),
    (exceptions.ProbableAccessDeniedError, Kind.LOGIN, "the broker hung up at the virtual host"),
    (exceptions.AuthenticationError, Kind.LOGIN, "the broker offers no login by password"),
    (exceptions.AMQPHeartbeatTimeout, Kind.GONE, "no heartbeat from the broker"),
    (exceptions.ProtocolVersionMismatch, Kind.PROTOCOL, "no AMQP 0-9-1 at this address"),
    (exceptions.IncompatibleProtocolError, Kind.PROTOCOL, "the other end hung up before it spoke AMQP"),
    (AMQPConnectorStackTimeout, Kind.UNREACHABLE, "no answer in time"),
    (TimeoutError, Kind.UNREACHABLE, "no answer in time"),
    (socket.gaierror, Kind.UNREACHABLE, "the host name is not known"),
    (OSError, Kind.UNREACHABLE, "no connection"),
)


_HUNG_UP = (exceptions.ProbableAuthenticationError, exceptions.ProbableAccessDeniedError)
_CLOSE_REASON = re.compile(r"\((\d{3})\) ['\"](.*?)['\"]")
"""What the broker said at the end of a handshake; pika keeps it only as text."""


def fault_of(error: BaseException) -> Fault:
    """The one translation of pika's errors."""
    cause = _innermost(error)
    if isinstance(cause, exceptions.ChannelClosed):
        return channel_fault(cause.reply_code, cause.reply_text)
    if isinstance(cause, exceptions.ConnectionClosed):
        return connection_fault(cause.reply_code, cause.reply_text)
    if isinstance(cause, ssl.SSLError):
        return tls_fault(cause)
    if isinstance(cause, exceptions.IncompatibleProtocolError) and (ended := tls_fault_in(str(cause))):
        return ended
    if isinstance(cause, _HUNG_UP) and (said := _CLOSE_REASON.search(str(cause))):
        return fault(Kind.LOGIN, f"{said[1]} {said[2]}")
    for kind_of_error, kind, text in _FAULTS:
        if isinstance(cause, kind_of_error):
            return fault(kind, f"{text}: {cause}" if isinstance(cause, OSError) and str(cause) else text)
    return Fault(Kind.GONE, f"connection lost: {str(cause) or type(cause).__name__}")


def _innermost(error: BaseException) -> BaseException:
    """What happened under pika's layers of connection errors."""
    inner: object = None
    if isinstance(error, AMQPConnectionWorkflowFailed):
        inner = error.exceptions[-1]
    elif isinstance(error, AMQPConnectorPhaseErrorBase):
        inner = error.exception
    elif isinstance(error, exceptions.AMQPConnectionError | AMQPConnectorException) and error.args:
        inner = error.args[0]
    return _innermost(inner) if isinstance(inner, BaseException) else error
