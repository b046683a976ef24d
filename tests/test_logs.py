"""Lines that a machine can read, that nobody can forge, and that show no secret."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bridge import logs
from bridge.logs import MAX_FIELD_CHARACTERS, RateLimited, configure, get_logger, redacted
from bridge.redaction import redact


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure("info", "json", stream=out)
    yield out
    configure()


def line(stream: io.StringIO) -> dict[str, Any]:
    text = stream.getvalue()
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    result = json.loads(text)
    assert isinstance(result, dict)
    return result


def test_a_line_is_one_json_object_with_time_level_and_fields(stream: io.StringIO) -> None:
    """Whatever collects logs can index it; numbers stay numbers."""
    get_logger("bridge").info("broker link", source="shop", lag=3, ok=True, streams=["a/0"], detail=None)
    found = line(stream)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "info",
        "logger": "bridge",
        "event": "broker link",
        "source": "shop",
        "lag": 3,
        "ok": True,
        "streams": ["a/0"],
        "detail": None,
    }


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    """``level`` is the least important shown."""
    log = get_logger("bridge")
    log.debug("no")
    log.warning("yes")
    assert line(stream)["event"] == "yes"


def test_a_logger_made_before_configuration_obeys_it(stream: io.StringIO) -> None:
    """Modules make theirs at import."""
    log = get_logger("early")
    configure("error", "json", stream=stream)
    log.info("no")
    log.error("yes")
    assert line(stream)["event"] == "yes"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("mark", ["\n", "\r", "\x1b[2J", "\u2028", "\x85", "\u202e", "\x00"])
def test_no_field_can_open_a_line_or_move_the_cursor(form: logs.Format, mark: str) -> None:
    """A topic, header or server answer is somebody else's text."""
    out = io.StringIO()
    configure("info", form, stream=out)
    get_logger("bridge").info(f"a{mark}b", **{f"k{mark}": f'x{mark}{{"level":"error"}}', "list": [mark]})
    configure()
    assert mark not in out.getvalue().removesuffix("\n")
    assert out.getvalue().count("\n") == 1


def test_long_fields_are_cut_and_say_so(stream: io.StringIO) -> None:
    """An answer of a megabyte does not fill the disk."""
    get_logger("bridge").info("x", body="é" * 10_000, many=list(range(1000)))
    found = line(stream)
    assert len(found["body"]) < MAX_FIELD_CHARACTERS + 50
    assert found["body"].endswith(f"({10_000 - MAX_FIELD_CHARACTERS} more characters)")
    assert len(found["many"]) == logs.MAX_ITEMS


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3tvalue",
        "bearer  s3cr3tvalue",
        "Basic czpzM2NyM3R2YWx1ZQ==s3cr3tvalue",
        "key eyJ0eXAiOiJKV1QifQ.s3cr3tvalue.sig",
        "amqp://me:s3cr3tvalue@host/v",
    ],
)
def test_tokens_are_redacted_wherever_they_stand(stream: io.StringIO, text: str) -> None:
    """Also inside lists, mappings, and errors."""
    get_logger("bridge").info(text, a=text, b=[text], c={text: {"d": text}}, e=ValueError(text))
    assert "s3cr3tvalue" not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 6


def test_a_registered_value_is_redacted_also_where_the_field_is_cut(stream: io.StringIO) -> None:
    """Redaction comes before cutting: half a key is still half a key."""
    redact("hunter2-hunter2")
    redact("hunter2-hunter2-longer")
    edge = "x" * (MAX_FIELD_CHARACTERS - 4)
    get_logger("bridge").info("x", a="=hunter2-hunter2-longer=", b=edge + "hunter2-hunter2")
    assert "hunt" not in stream.getvalue()
    assert line(stream)["a"] == "=[redacted]="
    assert redacted("hunter2-hunter2\n") == "[redacted]\\n"


def test_a_short_value_does_not_cut_words_to_pieces(stream: io.StringIO) -> None:
    """A password ``a`` in a test setup would make every line unreadable."""
    redact("a")
    get_logger("bridge").info("a day")
    assert line(stream)["event"] == "a day"


def test_an_error_is_one_field_with_its_trace(stream: io.StringIO) -> None:
    """A trace has many lines and must stay one log line, secrets out."""
    try:
        int("Bearer s3cr3tvalue")
    except ValueError as error:
        get_logger("bridge").error("internal error", exc_info=error)
    found = line(stream)
    assert found["error_type"] == "ValueError"
    assert "test_logs.py" in found["trace"]
    assert "s3cr3tvalue" not in found["trace"]


def test_fields_cannot_pose_as_time_or_level(stream: io.StringIO) -> None:
    """A field named like one of the line's own is kept under another name."""
    get_logger("bridge").info("x", level="fine", time="never")
    found = line(stream)
    assert (found["level"], found["level_"], found["time_"]) == ("info", "fine", "never")


def test_the_console_form_is_for_people() -> None:
    """Time, level, event, then fields."""
    out = io.StringIO()
    configure("info", "console", stream=out)
    get_logger("bridge").warning("dead letter", source="shop", error="no such key", offset=3)
    configure()
    assert out.getvalue()[13:] == 'warning dead letter  source=shop error="no such key" offset=3\n'


def test_a_closed_stream_does_not_stop_the_bridge(stream: io.StringIO) -> None:
    """Logging is no reason to lose a message."""
    stream.close()
    get_logger("bridge").info("x")


def test_repeats_are_left_out_and_counted(stream: io.StringIO) -> None:
    """A broker that is down for an hour gives a line an interval, and no number is lost."""
    now = [0.0]
    limited, log = RateLimited(10, monotonic=lambda: now[0]), get_logger("bridge")
    for second in range(25):
        now[0] = float(second)
        limited.log(log.warning, "no connection", source="shop")
    found = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [entry.get("repeats") for entry in found] == [None, 9, 9]
    limited.log(log.warning, "no connection", key="other")
    assert len(stream.getvalue().splitlines()) == 4


def test_only_so_many_keys_are_remembered() -> None:
    """A key made of data cannot fill the memory; the longest silent goes first."""
    limited = RateLimited(10, monotonic=lambda: 0.0, max_keys=2)
    assert [limited.allow(key) for key in ("a", "b", "a", "c")] == [0, 0, None, 0]
    assert limited.allow("b") == 0
    assert len(limited._seen) == 2  # noqa: SLF001 - the bound is the point
