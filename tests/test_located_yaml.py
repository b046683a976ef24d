"""Plain data that knows where it stood."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.errors import ConfigError
from bridge.located_yaml import KeyPath, Located, key_path_text, parse_yaml, plain_value, read_yaml


def parse(text: str) -> Located:
    return parse_yaml(text, "a.yaml")


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.path == "a.yaml"
    return caught.value


def place_in(text: str, needle: str, skip: int = 0) -> tuple[int, int]:
    """Where ``needle`` stands in ``text``, counted by hand as a person would."""
    index = text.index(needle) + skip
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None),
        ("", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("0o17", 15),
        ("0x1F", 31),
        ("0912345678", "0912345678"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("2024-07-15T07:58:13Z", "2024-07-15T07:58:13Z"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("1e999", "1e999"),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    """Core schema, and nothing of YAML 1.1; leading zeros are kept."""
    result = plain_value(text)
    assert result == value
    assert type(result) is type(value)


def test_values_are_plain_python() -> None:
    """No type of the YAML library leaves the module."""
    value = parse('a: [1, "2", {b: true}]\nc: |\n  x\n').value
    assert value == {"a": [1, "2", {"b": True}], "c": "x\n"}
    assert type(value) is dict
    assert type(value["a"]) is list
    assert type(value["c"]) is str


def test_an_empty_document_is_none() -> None:
    """An empty file, or one of comments, is valid YAML."""
    assert parse("").value is None
    assert parse("# only a comment\n").value is None


TEXT = """\
# a comment
sources:
  - name: shop      # trailing
    topics: [orders, "pay\\tments"]
  - &two
    name: two
again: *two
"""


def test_places_of_values_and_keys_are_one_based() -> None:
    """``at`` is the value's place, ``key_at`` the key's."""
    located = parse(TEXT)
    assert located.at(("sources", 0, "name")) == place_in(TEXT, "shop")
    assert located.key_at(("sources", 0, "name")) == place_in(TEXT, "name: shop")
    assert located.at(("sources", 0, "topics", 1)) == place_in(TEXT, '"pay')
    assert located.key_at(("sources", 0, "topics", 1)) == place_in(TEXT, '"pay')
    assert located.at(("sources", 1)) == place_in(TEXT, "name: two")
    assert located.key_at(("again",)) == place_in(TEXT, "again")
    assert located.at(()) == place_in(TEXT, "sources")


def test_what_an_alias_leads_to_has_the_place_of_the_anchor() -> None:
    """An error is shown where the wrong text is written."""
    located = parse(TEXT)
    assert located.value["again"] == {"name": "two"}
    assert located.at(("again", "name")) == place_in(TEXT, "two\nagain")


def test_a_missing_key_has_the_place_of_its_nearest_ancestor() -> None:
    """A key that should be there has a line too."""
    located = parse(TEXT)
    assert located.at(("sources", 0, "brokers", "x")) == located.at(("sources", 0))


SCALARS = """\
plain: alpha beta
  gamma
single: 'it''s a
   folded line'
double: "tab\\there \\u00e9 and\\
   joined

   para"
literal: |-
  first line
    indented $here

  last
folded: >+ # comment
  one two
  three

  four
anchored: &name
  'quoted'
"""


@pytest.mark.parametrize(
    ("key", "word", "in_file"),
    [
        ("plain", "beta", "beta"),
        ("plain", "gamma", "gamma"),
        ("single", "s a", "s a"),
        ("single", "folded", "folded"),
        ("double", "here", "here"),
        ("double", "é", "\\u00e9"),
        ("double", "joined", "joined"),
        ("double", "para", "para"),
        ("literal", "first", "first"),
        ("literal", "line", "line\n    ind"),
        ("literal", "$here", "$here"),
        ("literal", "  indented", "  indented"),
        ("literal", "last", "last"),
        ("folded", "two", "two\n  three"),
        ("folded", "three", "three"),
        ("folded", "four", "four"),
        ("anchored", "quoted", "quoted"),
    ],
)
def test_a_character_inside_a_scalar_has_its_own_place(key: str, word: str, in_file: str) -> None:
    """Every way of writing text is undone."""
    located = parse(SCALARS)
    offset = located.value[key].index(word)
    assert located.scalar_position((key,), offset) == place_in(SCALARS, in_file)


def test_offsets_outside_a_scalar_are_clamped() -> None:
    """Past the end is the place behind the last character; other types have their beginning."""
    located = parse("a: 'xy'\nn: 12\n")
    assert located.scalar_position(("a",), 99) == (1, 7)
    assert located.scalar_position(("a",), -1) == (1, 5)
    assert located.scalar_position(("n",), 1) == (2, 4)


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 2, 4, "the `[` opened here is not closed"),
        ("a: 1\n\tb: 2\n", 2, 1, "a tab in the indentation"),
        ("a: 1\na: 2\n", 2, 1, "duplicate key: a"),
        ("x:\n  - {k: 1, k: 2}\n", 2, 12, "duplicate key: k"),
        ("a: !!python/object:os.system x\n", 1, 4, "tags"),
        ("a: !custom [1]\n", 1, 4, "tags"),
        ("a: *nope\n", 1, 4, "unknown anchor"),
        ("a: &a [*a]\n", 1, 8, "contains itself"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n", 3, 3, "merge keys"),
        ("? [1, 2]\n: x\n", 1, 3, "a key is"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
        ("a: \x07\n", 1, 4, "control character"),
        ('a: "\\ud800"\n', 1, 4, "not text"),
        ("a: %x\n", 1, 4, "a value cannot begin with a `%`"),
        ("a: {b: ${C}}\n", 1, 9, "a reference needs quotes"),
    ],
)
def test_what_is_refused_says_where(text: str, line: int, column: int, word: str) -> None:
    """Each refusal has the line and column a person would look at."""
    error = refusal(text)
    assert word in str(error)
    assert (error.line, error.column) == (line, column)


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    """Aliases count as if written out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "nodes" in str(refusal("\n".join(lines)))


def test_deep_nesting_is_refused() -> None:
    """No input reaches the interpreter's recursion limit."""
    assert "nested deeper" in str(refusal("[" * 5000 + "]" * 5000))
    assert "nested deeper" in str(refusal("\n".join("  " * n + "- a:" for n in range(200))))


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    """Missing, too large, not UTF-8."""
    path = tmp_path / "c.yaml"
    with pytest.raises(ConfigError, match="No such file"):
        read_yaml(path)
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"c\.yaml:2:4: the file is not UTF-8"):
        read_yaml(path)
    path.write_bytes(b"a: 123456789\n")
    with pytest.raises(ConfigError, match="larger than 5 bytes"):
        read_yaml(path, max_size_bytes=5)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    """Editors on Windows write both."""
    path = tmp_path / "c.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n".encode())
    located = read_yaml(path)
    assert located.value == {"a": 1, "b": "x\ny\n"}
    assert (located.key_at(("a",)), located.at(("a",))) == ((1, 1), (1, 4))
    assert located.key_at(("b",)) == (2, 1)
    assert located.scalar_position(("b",), 2) == (4, 3)


def test_key_paths_read_as_people_write_them() -> None:
    """The form of ``ConfigError.where``."""
    assert key_path_text(("sources", 0, "brokers")) == "sources[0].brokers"
    assert key_path_text(()) == ""


def test_an_error_made_of_a_place_carries_all_of_it() -> None:
    """``Located.error`` is how others report."""
    error = parse(TEXT).error(("sources", 0, "name"), "is wrong", hint="fix it")
    assert str(error) == "a.yaml:3:11: sources[0].name: is wrong (fix it)"


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("ab01 \t\n\r:-?[]{},&*!|>'\"%@`#\\.~<\x00\u2028\u00e9u"), max_size=60)
)
@example('"\\U0011ffff"')
@example("%YAML 9.9\n---\na")
@example("%TAG ! x\n--- a")
@example("? a\n? b")
def test_any_text_gives_data_or_a_config_error(text: str) -> None:
    """Nothing of the library's own exceptions escapes, and places stay inside the text."""
    try:
        place = parse(text).at(())
    except ConfigError as error:
        place = (error.line, error.column)
    assert min(place) >= 1


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abc $é", max_size=20), st.sampled_from(["'", '"', "|"]), st.integers(0, 30))
def test_a_scalar_position_points_at_the_very_character(value: str, style: str, offset: int) -> None:
    """For text of one line, the character at the place is the character of the value."""
    text = f"k: |2\n  {value}\n" if style == "|" else f"k: {style}{value}{style}\n"
    located = parse(text)
    assert located.value["k"].rstrip("\n") == value or not value.strip()
    if offset < len(value) and value.strip():
        line, column = located.scalar_position(("k",), offset)
        assert text.split("\n")[line - 1][column - 1] == value[offset]


ROOT = Path(__file__).parents[1]
FILES = [*(ROOT / "config").rglob("*.yaml"), *(ROOT / "tests").rglob("*.yaml")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_fast_reader_reads_what_the_other_reads(path: Path) -> None:
    """Values and places; a tab makes the slow one read, in a comment it changes nothing."""
    pytest.importorskip("_ruamel_yaml")
    text = path.read_text()
    fast, slow = parse_yaml(text, "x"), parse_yaml(f"{text}\n#\t", "x")
    assert fast.value == slow.value
    assert [fast.at(keypath) for keypath in keypaths(fast.value)] == [
        slow.at(keypath) for keypath in keypaths(slow.value)
    ]


def keypaths(value: Any, here: KeyPath = ()) -> Iterator[KeyPath]:
    """Of every value that is written."""
    if value is not None:
        yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from keypaths(item, (*here, key))
