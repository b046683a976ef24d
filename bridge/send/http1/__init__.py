"""HTTP/1.1 at the price of its system calls: a transport for httpx on llhttp and bare non-blocking sockets.

``request`` and ``reply`` are the wire (pure), ``dialer`` opens sockets, ``connection`` is one of them at
work, ``pool`` keeps them, ``transport`` is what httpx sees. All is owned by the loop; there are no threads.
"""

from __future__ import annotations

from bridge.send.http1.transport import LeanTransport

__all__ = ["LeanTransport"]
