"""Stage 2: record → document → scope. What a rule sees, or why no rule can see it.

``decode`` reads the body once; ``Document.unwrap`` takes an envelope off, once per envelope. Both give
``Poison`` or ``Filtered`` as values and never raise for what a record contains. No error text holds
any of the payload. A body whose schema is not known yet gives ``Waiting``; ``open_schemas`` is where
schemas come from.
"""

from __future__ import annotations

from bridge.decode.document import Document, decode
from bridge.decode.opening import REMEDY, missing_extra, open_schemas, registry_users
from bridge.decode.schemas import Schemas, Waiting

__all__ = [
    "REMEDY",
    "Document",
    "Schemas",
    "Waiting",
    "decode",
    "missing_extra",
    "open_schemas",
    "registry_users",
]
