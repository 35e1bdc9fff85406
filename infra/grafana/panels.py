"""The dashboards' kinds of panels, by Grafana's own library. Widths are of Grafana's 24 columns."""

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
    about: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    limit: float | None = None,
    axis: tuple[float | None, float | None] = (0.0, None),
) -> timeseries.Panel:
    """Return a panel of curves; a line at `limit` marks the first bad value.

    Args:
        title: The panel's title.
        about: The panel's description.
        unit: Grafana's name of the unit.
        *queries: Name and expression of each curve.
        width: In Grafana's columns.
        limit: The first bad value.
        axis: The ends of the axis; None: as the data have it.
    """
    panel = _filled(timeseries.Panel(), title, about, width, queries).unit(unit)
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
    lowest, highest = axis
    if lowest is not None:
        panel.min(lowest)
    if highest is not None:
        panel.max(highest)
    if limit is not None:
        panel.thresholds(_thresholds((GREEN, None), (RED, limit)))
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        )
    return panel


def number(
    title: str, about: str, unit: str, *queries: Query, width: int = 6, limit: float | None = None
) -> stat.Panel:
    """Return a panel with the newest value of each series; from `limit` on it is red.

    Args:
        title: The panel's title.
        about: The panel's description.
        unit: Grafana's name of the unit.
        *queries: Name and expression of each curve.
        width: In Grafana's columns.
        limit: The first bad value.
    """
    panel = _filled(stat.Panel(), title, about, width, queries, instant=True).unit(unit).height(5)
    panel.color_mode(BigValueColorMode.VALUE)
    return panel.thresholds(
        _thresholds((GREEN, None), *([(RED, limit)] if limit is not None else []))
    )


def states(title: str, about: str, *queries: Query, width: int = 12) -> statetimeline.Panel:
    """Return a panel of states over time: 0 is green, 1 is red.

    Args:
        title: The panel's title.
        about: The panel's description.
        *queries: Name and expression of each curve.
        width: In Grafana's columns.
    """
    panel = _filled(statetimeline.Panel(), title, about, width, queries)
    return panel.thresholds(_thresholds((GREEN, None), (RED, 1.0)))


def heat(title: str, about: str, expression: str, width: int = 12) -> heatmap.Panel:
    """Return a panel of a histogram's buckets over time; the expression gives a series for each
    ``le``.

    Args:
        title: The panel's title.
        about: The panel's description.
        expression: The PromQL.
        width: In Grafana's columns.
    """
    panel = _filled(heatmap.Panel(), title, about, width, ())
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


def rows_of(title: str, about: str, expression: str, width: int = 12) -> table.Panel:
    """Return a table with a row for each series.

    Args:
        title: The panel's title.
        about: The panel's description.
        expression: The PromQL.
        width: In Grafana's columns.
    """
    panel = _filled(table.Panel(), title, about, width, ())
    return panel.with_target(
        prometheus.Dataquery()
        .expr(expression)
        .instant()
        .format(PromQueryFormat.TABLE)
        .ref_id("A")
        .datasource(PROMETHEUS)
    )


def choice(name: str, label: str, values: str) -> dashboard.QueryVariable:
    """Return a choice above the dashboard: some or all label values of a query.

    Args:
        name: Of the variable.
        label: Shown beside it.
        values: The query.
    """
    everything = VariableOption(text="All", value="$__all", selected=True)
    variable = (
        dashboard.QueryVariable(name).label(label).query(values).datasource(PROMETHEUS).multi(True)
    )
    return (
        variable.include_all(True)
        .current(everything)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def page(uid: str, title: str, about: str) -> dashboard.Dashboard:
    """Return an empty dashboard.

    Args:
        uid: Of the dashboard.
        title: Of the dashboard.
        about: Its description.
    """
    empty = (
        dashboard.Dashboard(title).uid(uid).description(about).tags(["airworthy"]).timezone("utc")
    )
    return empty.refresh("30s").time("now-24h", "now").editable()


def _filled(
    panel: _Panel,
    title: str,
    about: str,
    width: int,
    queries: tuple[Query, ...],
    *,
    instant: bool = False,
) -> _Panel:
    panel.title(title).description(about).datasource(PROMETHEUS).span(width).height(_HEIGHT)
    for index, (expression, legend) in enumerate(queries):
        query = (
            prometheus.Dataquery()
            .expr(expression)
            .legend_format(legend)
            .ref_id(chr(ord("A") + index))
        )
        panel.with_target((query.instant() if instant else query.range()).datasource(PROMETHEUS))
    return panel


def _thresholds(*steps: tuple[str, float | None]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for color, value in steps])
    )
