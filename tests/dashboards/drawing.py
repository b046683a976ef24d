"""One panel, by Grafana's own builders: how each kind is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models import prometheus as formats
from grafana_foundation_sdk.models import text as texts

from tests.dashboards.panels import Board, Panel, Query

PanelBuilder = Builder[dashboard.Panel]
Drawn = TypeVar("Drawn", timeseries.Panel, stat.Panel, table.Panel, statetimeline.Panel, heatmap.Panel)

_PROMETHEUS = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
_AS_CHOSEN = "${__url_time_range}&${__all_variables}"
_LETTERS = "ABCDEFGHIJKLMNOP"


def drawn(panel: Panel, number: int, boards: Mapping[str, Board]) -> PanelBuilder:
    """A panel with its number on the dashboard; ``boards`` by name are those that it may lead to."""
    match panel.kind:
        case "text":
            return _text(panel, number)
        case "stat":
            return _stat(_framed(stat.Panel(), panel, number, boards), panel)
        case "table":
            return _table(_framed(table.Panel(), panel, number, boards), panel)
        case "states":
            return _states(_framed(statetimeline.Panel(), panel, number, boards), panel)
        case "heatmap":
            return _heatmap(_framed(heatmap.Panel(), panel, number, boards), panel)
        case "lines" | "areas":
            return _lines(_framed(timeseries.Panel(), panel, number, boards), panel)


def _framed(made: Drawn, panel: Panel, number: int, boards: Mapping[str, Board]) -> Drawn:
    """What every kind has."""
    made.id(number).title(panel.title).description(panel.says).unit(panel.unit).datasource(_PROMETHEUS)
    made.span(panel.width).height(panel.height)
    made.links([*_boards(panel, boards), *_runbooks(panel)])
    for letter, query in zip(_LETTERS, panel.queries, strict=False):
        made.with_target(_target(panel, query, letter))
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    if panel.least is not None:
        made.min(panel.least)
    if panel.most is not None:
        made.max(panel.most)
    if panel.words:
        made.mappings([_words(panel)])
    steps = [dashboard.Threshold(value, color) for value, color in panel.steps or ((None, "blue"),)]
    return made.thresholds(builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))


def _target(panel: Panel, query: Query, letter: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expression).ref_id(letter).datasource(_PROMETHEUS)
    if panel.kind == "table":
        return made.instant().format(formats.PromQueryFormat.TABLE)
    if panel.kind == "heatmap":
        return made.range().format(formats.PromQueryFormat.HEATMAP).legend_format("{{le}}")
    made.format(formats.PromQueryFormat.TIME_SERIES).legend_format(query.legend or "__auto")
    return made.range()


def _words(panel: Panel) -> dashboard.ValueMap:
    return dashboard.ValueMap(
        {
            f"{number:g}": dashboard.ValueMappingResult(text=word, color=color, index=index)
            for index, (number, word, color) in enumerate(panel.words)
        }
    )


def _boards(panel: Panel, boards: Mapping[str, Board]) -> list[builders.DashboardLink]:
    return [
        _link(f"{boards[name].title} →", f"/d/{boards[name].uid}?{_AS_CHOSEN}") for name in panel.leads_to
    ]


def _runbooks(panel: Panel) -> list[builders.DashboardLink]:
    return [_link(f"Runbook: {alert}", f"${{runbooks}}/{alert}.md") for alert in panel.runbooks]


def _link(title: str, url: str) -> builders.DashboardLink:
    return builders.DashboardLink(title).type(dashboard.DashboardLinkType.LINK).url(url)


# Kinds


def _text(panel: Panel, number: int) -> text.Panel:
    made = text.Panel().id(number).title(panel.title).span(panel.width).height(panel.height)
    return made.mode(texts.TextMode.MARKDOWN).content(panel.says)


def _lines(made: timeseries.Panel, panel: Panel) -> timeseries.Panel:
    made.legend(_legend().calcs(["lastNotNull", "max"])).tooltip(_tooltip())
    made.line_width(1).show_points(common.VisibilityMode.NEVER).span_nulls(span_nulls=False)
    if panel.kind == "areas":
        made.fill_opacity(60).stacking(options.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    else:
        made.fill_opacity(10)
    if panel.steps:
        made.thresholds_style(
            options.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    return made


def _stat(made: stat.Panel, panel: Panel) -> stat.Panel:
    graph = common.BigValueGraphMode.NONE if panel.words else common.BigValueGraphMode.AREA
    made.graph_mode(graph).color_mode(common.BigValueColorMode.VALUE).text_mode(common.BigValueTextMode.AUTO)
    return made.reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))


def _states(made: statetimeline.Panel, panel: Panel) -> statetimeline.Panel:
    made.legend(_legend().show_legend(show_legend=False)).tooltip(_tooltip()).row_height(0.8).fill_opacity(80)
    return made.show_value(common.VisibilityMode.NEVER).merge_values(merge_values=True)


def _heatmap(made: heatmap.Panel, panel: Panel) -> heatmap.Panel:
    color = heatmap.HeatmapColorOptions().mode(heatmaps.HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    axis = heatmap.YAxisConfig().unit(panel.unit).axis_placement(common.AxisPlacement.LEFT)
    linear = options.ScaleDistributionConfig().type(common.ScaleDistribution.LINEAR)
    made.calculate(calculate=False).color(color).y_axis(axis).scale_distribution(linear)
    return made.hide_legend().cell_gap(1)


def _table(made: table.Panel, panel: Panel) -> table.Panel:
    """One row for each set of keys, one column for each query."""
    letters = dict(zip(_LETTERS, panel.queries, strict=False))
    names = {f"Value #{letter}": query.legend for letter, query in letters.items()}
    if len(panel.queries) == 1:
        names = {"Value": panel.queries[0].legend}
    made.with_transformation(dashboard.DataTransformerConfig("merge", options={}))
    tidied = {"excludeByName": {"Time": True}, "renameByName": names}
    made.with_transformation(dashboard.DataTransformerConfig("organize", options=tidied))
    for query in panel.queries:
        if query.unit:
            made.override_by_name(query.legend, [dashboard.DynamicConfigValue("unit", query.unit)])
    return made.show_header(show_header=True).inspect(inspect=False)


def _legend() -> options.VizLegendOptions:
    made = options.VizLegendOptions().display_mode(common.LegendDisplayMode.LIST)
    return made.placement(common.LegendPlacement.BOTTOM).show_legend(show_legend=True)


def _tooltip() -> options.VizTooltipOptions:
    return options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
