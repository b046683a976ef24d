"""Texts that want to be something else: a line of a log, a header, an order to a terminal, a metric."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

MARK = "F0RGED"
LINE = '{"time":"2026-01-01T00:00:00.000Z","level":"error","logger":"bridge","event":"F0RGED"}'
EVIL: dict[str, str] = {
    "a line": f"x\n{LINE}\n",
    "a return": f"x\r{LINE}\r",
    "a header": "x\r\nX-F0RGED: 1\r\n\r\nGET /F0RGED HTTP/1.1\r\n\r\n",
    "a screen": "\x1b[2J\x1b]0;F0RGED\x07\x1b]8;;http://F0RGED\x1b\\",
    "an old terminal": "\x9b2J\x9d0;F0RGED\x9c\x85",
    "a nul": "x\0F0RGED\x7f\x08",
    "from right to left": "\u202eF0RGED\u2066\u200f\u061c",
    "separators": "x\u2028F0RGED\u2029\x0b\x0c",
    "a piece of JSON": '","event":"F0RGED","level":"error',
    "a metric": 'x"} 1\nbridge_F0RGED{a="b"} 2\n# HELP bridge_F0RGED x\n',
    "a page": "<script>F0RGED</script>\"'&",
    "markup": "[red]F0RGED[/red] %s {0} ${F0RGED}",
    "very long": "F0RGED" * 3_000,
}
_UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONSOLE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (debug|info|warning|error) +[a-z]")


def unsafe(text: str) -> list[str]:
    """Whatever in a text a terminal would obey; ends of lines are none."""
    return sorted(set(_UNSAFE.findall(text)))


def events_in(log: str) -> Iterator[str]:
    """The event of each line of a log, each of which is one JSON object of the bridge's own shape."""
    assert not unsafe(log), unsafe(log)
    assert log.endswith("\n")
    for line in log.splitlines():
        entry = json.loads(line)
        assert list(entry)[:4] == ["time", "level", "logger", "event"], line
        assert line == json.dumps(entry, ensure_ascii=False, separators=(",", ":"))  # no key twice
        yield entry["event"]


def assert_console(log: str) -> None:
    """Each line of a log for people is the bridge's own."""
    assert not unsafe(log), unsafe(log)
    for line in log.splitlines():
        assert _CONSOLE.match(line), line
