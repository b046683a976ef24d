"""What the outside sees: metrics, probes, a status page; on a thread that depends on nobody."""

from bridge.admin.health import Health, liveness
from bridge.admin.orders import Operator
from bridge.admin.server import AdminServer, application

__all__ = ["AdminServer", "Health", "Operator", "application", "liveness"]
