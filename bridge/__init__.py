"""Filum Bridge: Kafka and RabbitMQ → rules → Filum's HTTP Event API → settled."""

__version__ = "0.1.0"
