"""Each dashboard has its picture and its section; pictures are drawn of nothing but what they are given."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from tests.dashboards.boards import BOARDS
from tests.dashboards.files import FILES, load, panels
from tests.dashboards.page import BEGIN, PAGE, section, written
from tests.dashboards.panels import Board
from tests.dashboards.pictures import plots
from tests.dashboards.pictures.boards import picture
from tests.dashboards.pictures.look import NAMED, series_color, step_color
from tests.dashboards.pictures.panels import NothingToDraw, panel_at
from tests.dashboards.pictures.seen import Answers, Line, Mark, Span, lines_of, named
from tests.dashboards.pictures.sheet import Place, Sheet
from tests.dashboards.pictures.tables import rows_of
from tests.dashboards.pictures.taken import FOLDER
from tests.dashboards.pictures.units import tick, told
from tests.parts.prometheus import Series

SPAN = Span(1_000, 1_060, (Mark("Rebalances", "purple", 1_020),))
MOST_BYTES = 200_000
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)


# The page


@each_board
def test_a_board_has_a_picture_of_moderate_size(board: Board) -> None:
    """After a change of its panels: ``scripts/dashboards --pictures``."""
    file = FOLDER / f"{board.name}.png"

    assert file.read_bytes().startswith(b"\x89PNG")
    assert file.stat().st_size < MOST_BYTES


def test_there_are_no_other_pictures() -> None:
    """A dashboard that is renamed leaves none behind."""
    assert {file.name for file in FOLDER.iterdir()} == {f"{board.name}.png" for board in BOARDS}


@each_board
def test_a_board_has_a_section_with_its_picture_and_every_panel(board: Board) -> None:
    """In the order of the board."""
    text = section(board)

    assert f"](dashboards/{board.name}.png)" in text
    assert board.opened in text
    assert re.findall(r"^\| ([^*|]+) \| .+ \|", text, re.MULTILINE)[2:] == [one.title for one in board.panels]


def test_the_page_is_what_the_code_makes() -> None:
    """After a change: ``scripts/dashboards``."""
    page = PAGE.read_text()

    assert page == written(page, BOARDS)


def test_a_page_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place"):
        written("# Dashboards\n" + BEGIN, BOARDS)


# Whole boards, of made-up numbers


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_is_drawn_of_the_numbers_it_is_given(file: Path) -> None:
    """No broker, no Prometheus; the same numbers give the same file, with nothing of when it was made."""
    board = load(file)
    answers = {panel["title"]: made_up(panel) for panel in panels(board)}
    sheet = picture(board, answers, SPAN, [("api down", 1_010.0)])

    words = {text.get_text() for text in sheet.figure.texts}
    assert {panel["title"] for panel in panels(board)} <= words
    assert "0:10 api down" in words
    drawn = [panel for panel in panels(board) if panel["type"] not in ("text", "table")]
    tiles_of_words = [one for one in drawn if one["options"].get("graphMode") == "none"]
    assert len(sheet.figure.axes) == len(drawn) - len(tiles_of_words)
    assert b"tEXt" not in sheet.png()


def test_the_same_numbers_give_the_same_picture() -> None:
    board = load(FILES[0])
    answers = {panel["title"]: made_up(panel) for panel in panels(board)}

    assert picture(board, answers, SPAN).png() == picture(board, answers, SPAN).png()


def test_a_panel_without_an_answer_is_an_error() -> None:
    """An empty panel in the documentation would be a lie."""
    panel = next(one for one in panels(load(FILES[0])) if one["type"] == "stat")

    with pytest.raises(NothingToDraw, match=panel["title"]):
        panel_at(Sheet(300), Place(0, 0, 300, 200), panel, {"A": []}, SPAN)


def made_up(panel: dict[str, Any]) -> Answers:
    """Two series for each query, with every label that its legend names; a tile has one."""
    found = {}
    for target in panel.get("targets", ()):
        labels = re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")) or ["source"]
        labels = ["le"] if panel["type"] == "heatmap" else labels
        count = 1 if panel["type"] == "stat" else 2
        found[target["refId"]] = [
            Series(
                dict.fromkeys(labels, str(number + 1)), [(at, float(number)) for at in range(1_000, 1_061)]
            )
            for number in range(2 - count, 2)
        ]
    return found


# Parts


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, "cps", "0 c/s"),
        (263.4, "cps", "263 c/s"),
        (1_234, "reqps", "1.23K req/s"),
        (1_080, "short", "1.08 K"),
        (0.00386, "percentunit", "0.386%"),
        (0.0164, "s", "16.4 ms"),
        (2.5e-5, "s", "25 µs"),
        (90, "s", "1.50 mins"),
        (75.5 * 2**20, "bytes", "75.5 MiB"),
        (0.0009999, "s", "1 ms"),
        (1.333, "none", "1.33"),
    ],
)
def test_numbers_are_written_as_grafana_does(number: float, unit: str, text: str) -> None:
    assert told(number, unit) == text


def test_decimals_of_a_panel_come_first() -> None:
    assert told(0.9, "percentunit", 2) == "90.00%"
    assert told(5.02, "short", 0) == "5"
    assert tick(0.25, "s") == "250 ms"
    with pytest.raises(ValueError, match="furlong"):
        told(1, "furlong")


def test_a_series_is_named_by_its_labels() -> None:
    assert (
        named("{{source}}{{destination}} {{reason}}", {"destination": "crm", "reason": "auth"}) == "crm auth"
    )


def test_series_that_never_move_are_left_out_where_others_do() -> None:
    """Where none does, the first few are drawn: they are the answer."""
    panel = {"targets": [{"refId": "A", "legendFormat": "{{code}}"}]}
    still = [Series({"code": f"5{number:02}"}, [(1_000, 0.0)]) for number in range(9)]
    moving = Series({"code": "200"}, [(1_000, 3.0)])

    assert [one.name for one in lines_of(panel, {"A": [*still, moving]})] == ["200"]
    assert [one.name for one in lines_of(panel, {"A": still})] == ["500", "501", "502"]


def axes() -> Axes:
    return Sheet(300).axes(Place(0, 0, 300, 200))


def graph_panel(**custom: Any) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 9}]
    return {"fieldConfig": {"defaults": {"unit": "s", "custom": custom, "thresholds": {"steps": steps}}}}


def test_lines_have_the_numbers_of_their_series_and_a_gap_where_there_is_none() -> None:
    drawn = axes()
    plots.graph(drawn, graph_panel(thresholdsStyle={}), [Line("p50", [(1_000, 4.0), (1_002, 5.0)])], SPAN)

    line, threshold, mark = drawn.lines
    shown = np.asarray(line.get_ydata(), dtype=float)
    assert (shown[0], shown[2], math.isnan(shown[1])) == (4, 5, True)
    assert to_hex(line.get_color()) == series_color(0)
    assert (np.asarray(threshold.get_ydata()).tolist(), threshold.get_color()) == ([9, 9], NAMED["red"])
    assert (np.asarray(mark.get_xdata()).tolist(), mark.get_color()) == ([20, 20], NAMED["purple"])


def test_areas_lie_one_upon_another() -> None:
    drawn = axes()
    two = [Line("a", [(1_000, 4.0)]), Line("b", [(1_000, 5.0)])]
    plots.graph(drawn, graph_panel(stacking={}), two, Span(1_000, 1_060))

    assert [float(np.asarray(line.get_ydata())[0]) for line in drawn.lines] == [4, 9]


def test_a_threshold_that_is_far_away_does_not_flatten_the_graph() -> None:
    drawn = axes()
    plots.graph(drawn, graph_panel(thresholdsStyle={}), [Line("p50", [(1_000, 0.1)])], SPAN)

    assert drawn.get_ylim()[1] < 1


def test_states_are_stretches_of_equal_neighbours() -> None:
    points = [(1_000.0, 0.0), (1_001.0, 0.0), (1_002.0, 1.0), (1_009.0, 1.0)]

    assert plots.stretches(points) == [(1_000, 1_002, 0), (1_002, 1_003, 1), (1_009, 1_010, 1)]


def test_a_heat_map_counts_what_lies_between_bounds() -> None:
    """Buckets of Prometheus count everything below their bound."""
    buckets = [Series({"le": le}, [(1_000, number)]) for le, number in (("+Inf", 6), ("0.1", 1), ("0.5", 4))]
    bounds, cells = plots.between_bounds(buckets, SPAN)

    assert bounds == [0.1, 0.5, math.inf]
    assert cells[:, 0].tolist() == [1, 3, 2]


def test_a_table_has_a_row_for_each_set_of_labels() -> None:
    panel = next(one for one in panels(load(FILES[-1])) if one["type"] == "table")
    answers = {
        target["refId"]: [Series({"source": "shop"}, [(1_060, 2_048.0)])] for target in panel["targets"]
    }
    answers["A"] = [*answers["A"], Series({"source": "desk"}, [(1_060, 1.0)])]
    head, rows = rows_of(panel, answers)

    assert head[:2] == ["source", "connected replicas"]
    assert [row[0] for row in rows] == ["shop", "desk"]
    assert rows[0][head.index("bytes in hand")] == "2 KiB"
    assert rows[1][2:] == [""] * (len(head) - 2)


def test_a_tile_has_the_color_of_the_step_it_reached() -> None:
    steps: list[dict[str, Any]] = [
        {"color": "green", "value": None},
        {"color": "yellow", "value": 1},
        {"color": "red", "value": 100},
    ]

    assert [step_color(steps, number) for number in (0, 1, 100)] == [
        NAMED["green"],
        NAMED["yellow"],
        NAMED["red"],
    ]
