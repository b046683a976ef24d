"""The composition root: knows every concrete class, starts them, and ends them under one deadline.

Leaving, in this order: no more input (each consumer stops reading and keeps its connection alive) →
open records end or the deadline comes → last positions are committed → brokers are left → letters,
requests and the admin server. A second signal leaves at once: nothing is lost by it, some is sent again.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx

from bridge import consumers, version
from bridge.admin import AdminServer
from bridge.config import Config, Destination, Secret, SourceSettings
from bridge.consumers.base import Consumer, Inbox
from bridge.dead_letters import open_store
from bridge.errors import BridgeError
from bridge.health import health_of
from bridge.intake import Intake, LoopInbox
from bridge.logs import get_logger
from bridge.metrics import Board
from bridge.overseer import Overseer
from bridge.pipeline import Pipeline
from bridge.rules import RuleSet
from bridge.secrets import SecretSource
from bridge.send.client import Client, default_transport
from bridge.send.controller import Controller
from bridge.send.dispatcher import Dispatcher, LoopClock
from bridge.settle.undertaker import Undertaker
from bridge.tally import Tally
from bridge.watch import Watch

_log = get_logger("bridge")

MakeConsumer = Callable[[SourceSettings, Inbox], Consumer]
MakeTransport = Callable[[Destination], httpx.AsyncBaseTransport]
