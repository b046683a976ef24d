"""A real RabbitMQ for tests: Debian's ``rabbitmq-server``, run directly, on loopback, without plug-ins.

The program in ``sbin`` of its library folder is started rather than the one on PATH, which changes user
and then fails on folders of our own. Node name, ports, folders, cookie and port mapper (epmd) are this
instance's own, so any number of them run side by side and none meets the machine's.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import uuid
from pathlib import Path

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from tests.parts.process import Process, free_port, wait_until

LIBRARY = Path("/usr/lib/rabbitmq/lib")

_SETTINGS = """
loopback_users = none
listeners.tcp.1 = {host}:{port}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
log.console = true
log.console.level = info
log.file = false
"""


def missing() -> str:
    """What a RabbitMQ would need and this machine lacks, one line; empty when nothing."""
    if _program("rabbitmq-server") is None or shutil.which("epmd") is None:
        return "RabbitMQ: no rabbitmq-server here (Debian: apt-get install rabbitmq-server)"
    return ""


def _program(name: str) -> Path | None:
    return next(iter(sorted(LIBRARY.glob(f"rabbitmq_server-*/sbin/{name}"))), None)


class RabbitMQ:
    """One node. Address and data stay the same over ``stop``, ``kill`` and ``restart``.

    Attributes:
        url: for clients, user info included (``guest``).
        address: the same without user info.
        port: of both.
        log: everything the node wrote.
    """

    def __init__(self, home: Path, *, settings: str = "", host: str = "127.0.0.1") -> None:
        """No I/O; ``home`` must exist and be empty, ``settings`` are added to rabbitmq.conf.

        ``host`` is where clients find it: loopback, or an address of a network that the run made.
        """
        self._host = host
        self._home = home
        self._settings = settings
        self.port = free_port()
        self._epmd_port = free_port()
        self.address = f"amqp://{host}:{self.port}/%2F"
        self.url = f"amqp://guest:guest@{host}:{self.port}/%2F"
        self.log = home / "node.log"
        self._env = self._environment()
        self._epmd = Process(["epmd", "-address", "127.0.0.1"], log=home / "epmd.log", env=self._env)
        self._node = Process([_program("rabbitmq-server") or "rabbitmq-server"], log=self.log, env=self._env)

    @property
    def pid(self) -> int:
        """Process id of the node; 0 when it does not run."""
        return self._node.pid

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Start the port mapper, then the node; return when it takes connections.

        Raises:
            PartFailed: not ready in time; with the tail of its log.
        """
        self._write_files()
        if not self._epmd.is_running:
            self._epmd.start()
            wait_until(self._mapper_answers, timeout_seconds=10, what="epmd answers")
        self._node.start()
        self._node.wait_ready(
            self._answers, timeout_seconds=timeout_seconds, what="RabbitMQ takes connections"
        )

    def stop(self) -> None:
        """End node and port mapper in good order."""
        self._node.stop()
        self._epmd.kill()

    def kill(self) -> None:
        """End the node as a crash would (SIGKILL), and its port mapper.

        Messages that were confirmed survive, but a queue declared within the last seconds may not: its
        declaration is written with a delay (see ``flush``).
        """
        self._node.kill()
        self._epmd.kill()

    def restart(self) -> None:
        """Stop it in good order and start it again, ready on return."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it hang with its connections open (SIGSTOP)."""
        self._node.freeze()

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self._node.thaw()

    def ctl(self, *words: str) -> str:
        """Run ``rabbitmqctl`` against this node; about two seconds.

        Returns:
            What it printed.
        """
        command = [str(_program("rabbitmqctl")), "--quiet", *words]
        return subprocess.run(
            command, env=self._node.env, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def flush(self) -> None:
        """Have the queues declared so far on disk, before a ``kill``."""
        self.ctl("eval", "mnesia:sync_log().")

    def connect(self) -> pika.BlockingConnection:
        """A client's connection of its own; the caller closes it."""
        return pika.BlockingConnection(pika.URLParameters(self.url))

    def new_queue(self, prefix: str = "queue", **arguments: str | int | bool) -> str:
        """Make a durable queue of a name never used before.

        Args:
            prefix: start of the name, for people who read logs.
            arguments: the queue's, with ``_`` for ``-``, such as ``x_queue_type="quorum"``.
        """
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        with self.connect() as connection:
            named = {key.replace("_", "-"): value for key, value in arguments.items()}
            connection.channel().queue_declare(name, durable=True, arguments=named)
        return name

    def publish(self, queue: str, *bodies: bytes, properties: pika.BasicProperties | None = None) -> None:
        """Publish to the default exchange, confirmed before this returns."""
        with self.connect() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish("", queue, body, properties, mandatory=True)

    def depth(self, queue: str) -> int:
        """How many messages are ready (not delivered, or given back)."""
        with self.connect() as connection:
            channel: BlockingChannel = connection.channel()
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except (AMQPError, OSError):
            return False
        return True

    def _mapper_answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._epmd_port)) == 0

    def _environment(self) -> dict[str, str]:
        home = str(self._home)
        return {
            "HOME": home,
            "RABBITMQ_NODENAME": f"part{self.port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": f"{home}/none.conf",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # no shell in between: signals reach the node itself
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _write_files(self) -> None:
        settings = _SETTINGS.format(host=self._host, port=self.port)
        (self._home / "rabbitmq.conf").write_text(settings + self._settings)
        (self._home / "plugins").write_text("[].\n")
        cookie = self._home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)
