"""Stage 2: record → document → scope. What a rule sees, or why no rule can see it.

``decode`` reads the body once; ``Document.unwrap`` takes an envelope off, once per envelope. Both give
``Poison`` or ``Filtered`` as values and never raise for what a record contains. No error text holds
any of the payload.
"""

from __future__ import annotations

from bridge.decode.document import Document, decode

__all__ = ["Document", "decode"]
