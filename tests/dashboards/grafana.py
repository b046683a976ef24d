"""A dashboard as Grafana's JSON, by Grafana's own builders: their types judge every option."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from tests.dashboards.drawing import drawn
from tests.dashboards.happenings import HAPPENINGS, Happening
from tests.dashboards.panels import Board, Choice
from tests.dashboards.selectors import CHOSEN

TAG = "filum-bridge"
RUNBOOKS = "https://filum-bridge.example/docs/runbooks"
"""Where the pages are published; whoever installs the dashboards puts an address of theirs in its place."""

PROMETHEUS = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
_ALL = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])


def as_json(board: Board, boards: Sequence[Board]) -> str:
    """The file of a dashboard; ``boards`` are those that it may lead to."""
    made = _built(board, {one.name: one for one in boards})
    return json.dumps(made, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _built(board: Board, boards: dict[str, Board]) -> dashboard.Dashboard:
    made = builders.Dashboard(board.title).uid(board.uid).description(board.says).tags([TAG]).readonly()
    made.timezone("browser").refresh("30s").time("now-1h", "now")
    made.tooltip(dashboard.DashboardCursorSync.CROSSHAIR).links([_other_boards(), _pages()])
    made.variables(_variables(board.choices)).annotations([_annotation(one) for one in HAPPENINGS])
    number = 0
    for row in board.rows:
        number += 1
        made.with_row(builders.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            made.with_panel(drawn(panel, number, boards))
    return made.build()


def _variables(choices: Iterable[Choice]) -> list[Builder[dashboard.VariableModel]]:
    namespace, job = 'namespace=~"$namespace"', 'job=~"$job"'
    return [
        builders.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _query("namespace", "bridge_build_info", all_value=".*"),
        _query("job", f"bridge_build_info{{{namespace}}}").description("The release."),
        _query("instance", f"bridge_build_info{{{namespace}, {job}}}").description("The replica."),
        *(_query(one.label, f"bridge_{one.metric}{{{CHOSEN}}}") for one in choices),
        builders.ConstantVariable("runbooks").label("Runbooks").value(RUNBOOKS),
    ]


def _query(label: str, series: str, all_value: str = ".+") -> builders.QueryVariable:
    """Outside Kubernetes no series has a namespace, and ``All`` must match those too."""
    made = builders.QueryVariable(label).label(label.title()).datasource(PROMETHEUS)
    made.query(f"label_values({series}, {label})").current(_ALL).include_all(include_all=True)
    made.all_value(all_value).multi(multi=True).sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    return made.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)


def _annotation(happening: Happening) -> builders.AnnotationQuery:
    made = builders.AnnotationQuery().name(happening.name).datasource(PROMETHEUS).enable(enable=True)
    return made.icon_color(happening.color).expr(happening.expression)


def _other_boards() -> builders.DashboardLink:
    made = builders.DashboardLink("Filum Bridge").type(dashboard.DashboardLinkType.DASHBOARDS).tags([TAG])
    made.icon("external link").include_vars(include_vars=True).keep_time(keep_time=True)
    return made.as_dropdown(as_dropdown=True)


def _pages() -> builders.DashboardLink:
    made = builders.DashboardLink("Runbooks").type(dashboard.DashboardLinkType.LINK).icon("doc")
    return made.url("${runbooks}/README.md").target_blank(target_blank=True)
