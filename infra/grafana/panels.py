"""The kinds of panels that the dashboards are made of, by Grafana's own library. Widths are of Grafana's 24 columns."""

from __future__ import annotations

from typing import TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Query = tuple[str, str]
"""An expression and its legend."""

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="airworthy-prometheus")
GREEN, YELLOW, RED = "green", "yellow", "red"
_HEIGHT = 8
_Panel = TypeVar(
    "_Panel", timeseries.Panel, stat.Panel, heatmap.Panel, table.Panel, statetimeline.Panel
)


def curves(
    title: str,
    told: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    limit: float | None = None,
    least: float | None = 0.0,
    most: float | None = None,
) -> timeseries.Panel:
    """Return a panel of curves; a line is drawn at `limit`, from which on something is wrong."""
    panel = _filled(timeseries.Panel(), title, told, width, queries).unit(unit)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)).fill_opacity(
        5
    ).line_width(1)
    # Gauges of what runs once a day have gaps when whoever serves them is away.
    panel.span_nulls(True)
    if least is not None:
        panel.min(least)
    if most is not None:
        panel.max(most)
    if limit is not None:
        panel.thresholds(_thresholds((GREEN, None), (RED, limit)))
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        )
    return panel


def number(
    title: str, told: str, unit: str, *queries: Query, width: int = 6, limit: float | None = None
) -> stat.Panel:
    """Return a panel that shows the newest value of each series; from `limit` on it is red."""
    panel = _filled(stat.Panel(), title, told, width, queries, instant=True).unit(unit).height(5)
    panel.color_mode(BigValueColorMode.VALUE)
    return panel.thresholds(
        _thresholds((GREEN, None), *([(RED, limit)] if limit is not None else []))
    )


def states(title: str, told: str, *queries: Query, width: int = 12) -> statetimeline.Panel:
    """Return a panel of states over time: 0 is green, 1 is red."""
    panel = _filled(statetimeline.Panel(), title, told, width, queries)
    return panel.thresholds(_thresholds((GREEN, None), (RED, 1.0)))


def heat(title: str, told: str, expression: str, width: int = 12) -> heatmap.Panel:
    """Return a panel of a histogram's buckets over time; the expression gives a series for each ``le``."""
    panel = _filled(heatmap.Panel(), title, told, width, ())
    panel.with_target(
        prometheus.Dataquery()
        .expr(expression)
        .legend_format("{{le}}")
        .range()
        .format(PromQueryFormat.HEATMAP)
        .ref_id("A")
        .datasource(PROMETHEUS)
    )
    return panel.calculate(False).color(
        heatmap.HeatmapColorOptions()
        .mode(HeatmapColorMode.SCHEME)
        .scheme("Oranges")
        .steps(64)
        .scale(HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
    )


def rows_of(title: str, told: str, expression: str, width: int = 12) -> table.Panel:
    """Return a table with a row for each series."""
    panel = _filled(table.Panel(), title, told, width, ())
    return panel.with_target(
        prometheus.Dataquery()
        .expr(expression)
        .instant()
        .format(PromQueryFormat.TABLE)
        .ref_id("A")
        .datasource(PROMETHEUS)
    )


def choice(name: str, label: str, values: str) -> dashboard.QueryVariable:
    """Return a choice above the dashboard: some or all of the values that a query for labels gives."""
    everything = VariableOption(text="All", value="$__all", selected=True)
    variable = (
        dashboard.QueryVariable(name).label(label).query(values).datasource(PROMETHEUS).multi(True)
    )
    return (
        variable.include_all(True)
        .current(everything)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def page(uid: str, title: str, told: str) -> dashboard.Dashboard:
    """Return an empty dashboard."""
    empty = (
        dashboard.Dashboard(title).uid(uid).description(told).tags(["airworthy"]).timezone("utc")
    )
    return empty.refresh("30s").time("now-24h", "now").editable()


def _filled(
    panel: _Panel,
    title: str,
    told: str,
    width: int,
    queries: tuple[Query, ...],
    *,
    instant: bool = False,
) -> _Panel:
    panel.title(title).description(told).datasource(PROMETHEUS).span(width).height(_HEIGHT)
    for place, (expression, legend) in enumerate(queries):
        query = (
            prometheus.Dataquery()
            .expr(expression)
            .legend_format(legend)
            .ref_id(chr(ord("A") + place))
        )
        panel.with_target((query.instant() if instant else query.range()).datasource(PROMETHEUS))
    return panel


def _thresholds(*steps: tuple[str, float | None]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for color, value in steps])
    )
