"""What strangers send is told, and tells nothing by itself: in a log, on a page, on a terminal.

The units, with every text of ``evil``.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge import logs
from bridge.admin.health import Health
from bridge.admin.pages import html_page, text_page
from bridge.cli import dlq_lines
from bridge.errors import ConfigError
from bridge.metrics import Board, exposition
from bridge.model import Headers, Reason, Record, Stream
from bridge.printable import json_text, printable, printable_lines
from bridge.settle.letters import Cause
from bridge.strays import gather_strays
from bridge.traces import trace_of
from tests.redrive.lying import found
from tests.security.evil import EVIL, MARK, assert_console, events_in, unsafe

every_text = pytest.mark.parametrize("text", EVIL.values(), ids=EVIL.keys())


# Units


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """What is logged, as JSON."""
    stream = io.StringIO()
    logs.configure("debug", "json", stream=stream)
    yield stream
    logs.configure()


@every_text
def test_a_log_line_is_one_line_whatever_it_is_given(text: str, out: io.StringIO) -> None:
    """As its event, name or value of a field, deep within one, or text of an error."""
    log = logs.get_logger(text)
    log.info(text, **{text: text}, deep={text: [text, {text: text}]}, error=ConfigError(text), time=text)
    log.error("x", exc_info=ConfigError(text), number=float("nan"))
    first, second = events_in(out.getvalue())
    assert (first == "x" or MARK in first, second) == (True, "x")


@every_text
def test_a_console_line_is_one_line_too(text: str) -> None:
    """For people."""
    stream = io.StringIO()
    logs.configure("debug", "console", stream=stream)
    logs.get_logger("bridge").info("dead letter", stream=text, deep=[text, {text: text}])
    logs.configure()
    assert stream.getvalue().count("\n") == 1
    assert_console(stream.getvalue())


@pytest.fixture
def gathered() -> Iterator[None]:
    """For one test what is for a whole process."""
    root, hooks = logging.getLogger(), (threading.excepthook, sys.unraisablehook)
    before = list(root.handlers)
    gather_strays()
    yield
    threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)


@every_text
@pytest.mark.usefixtures("gathered")
def test_what_libraries_say_is_a_line_without_values(text: str, out: io.StringIO) -> None:
    """Their own handlers, and Python's, would write it to standard error as it is."""
    logger = logging.getLogger("some.library")
    logger.warning("no frame: %s", text)
    logger.error("Exception in callback %r", text)
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: <Task {text}>")  # noqa: G004

    def fail() -> None:
        raise ValueError(text)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert list(events_in(out.getvalue())) == ["a library says"] * 3 + ["internal error"]
    assert MARK not in out.getvalue()
    assert "Task exception was never retrieved" in out.getvalue()


@every_text
def test_a_trace_names_places_and_not_values(text: str) -> None:
    """Of the error, and of all that it came from."""
    try:
        try:
            dict[str, str]()[text]
        except KeyError as error:
            raise ValueError(text) from error
    except ValueError as error:
        trace = trace_of(error)
    assert MARK not in trace
    assert trace.index("KeyError") < trace.index("then") < trace.index("ValueError")
    assert trace.count("test_log_injection.py") == 2


@every_text
def test_text_for_a_terminal(text: str) -> None:
    """On one line, on several, as JSON that says the same."""
    assert not unsafe(printable(text))
    assert "\n" not in printable(text)
    assert printable_lines(text).count("\n") == text.count("\n")
    assert not unsafe(printable_lines(text))
    for indent in (None, 2):
        told = json_text({text: [text]}, indent=indent)
        assert not unsafe(told)
        assert json.loads(told) == {text: [text]}


def test_other_languages_stay_as_they_are() -> None:
    """Whoever reads a log in Hà Nội wants to."""
    text = "Trần Thị Hồng · 注文 · 🙂 · café"
    assert printable(text) == text
    assert json.dumps(text, ensure_ascii=False) == json_text(text)


@every_text
def test_metrics_stay_metrics(text: str) -> None:
    """A queue may have such a name; in both forms a value of a label is one."""
    board = Board()
    board.prepare(source="shop")
    board.replace("consumer_lag", {("shop", text, "0"): 7.0})
    board.publish()
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        told = exposition(board.latest(), accept)[0].decode()
        assert lag_of(told) == {text: 7.0}
    text_form = exposition(board.latest())[0].decode()
    assert {family.name for family in text_string_to_metric_families(text_form)} == names_of(Board())


def lag_of(told: str) -> dict[str, float]:
    """Of each queue."""
    families = text_string_to_metric_families(told.replace("# EOF\n", ""))
    return {
        sample.labels["topic"]: sample.value
        for family in families
        if family.name == "bridge_consumer_lag"
        for sample in family.samples
    }


def names_of(board: Board) -> set[str]:
    """Of the families of an idle bridge: no other can come by text."""
    return {family.name for family in text_string_to_metric_families(exposition(board.latest())[0].decode())}


@every_text
def test_the_status_page_stays_one(text: str) -> None:
    """For browsers and for terminals."""
    board = Board()
    board.prepare(source=text)
    board.gauge("stalled", source=text, destination=text, reason=text).value = 1
    board.publish()
    health = Health(live=True, ready=False)
    page = text_page(board.latest(), health)
    assert not unsafe(page)
    assert len(page.splitlines()) == len(text_page(_named(board, "x"), health).splitlines())
    assert "<script" not in html_page(board.latest(), health)


def _named(_: Board, name: str) -> Any:
    board = Board()
    board.prepare(source=name)
    board.gauge("stalled", source=name, destination=name, reason=name).value = 1
    return board.publish()


@every_text
def test_a_letter_is_shown_in_lines_of_its_own(text: str) -> None:
    """Wherever the text stands in it."""
    headers: Headers = ((text, text.encode()),)
    record = Record(
        *(Stream(text, text, 1), 1, 1, text.encode()),
        key=text.encode(),
        headers=headers,
        queue=True,
        message_id=text,
        routing_key=text,
        content_type=text,
    )
    letter = found(record, Cause(Reason.REFUSED, text, text, text, event_id=text))
    line = dlq_lines.line(letter, 0, redriven=True)
    assert "\n" not in line
    whole = dlq_lines.whole(letter, redriven=False, payload=True)
    for said in (
        line,
        whole,
        dlq_lines.as_json(dlq_lines.as_data(letter, 0, redriven=True)),
        dlq_lines.as_json(dlq_lines.whole_as_data(letter, 0, redriven=True, payload=True)),
    ):
        assert not unsafe(said)
    names = [one.partition(":")[0] for one in whole.splitlines() if not one.startswith("  ")]
    assert names[:-1] == [*_names(letter.said), "key", "content_type", "headers", "body"]


def _names(said: Mapping[str, str]) -> list[str]:
    return ["place", "redriven", *said]
