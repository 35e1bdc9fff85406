// Draws the quality over time from the JSON beside it, and again when the theme changes.
(() => {
  const place = document.getElementById("quality-chart");
  const source = document.getElementById("quality-data");
  if (!place || !source || !window.echarts) {
    return;
  }
  const data = JSON.parse(source.textContent);
  const kinds = ["release", "rollback", "stopped", "rejected", "retired", "drift", "alert"];
  const symbols = { release: "triangle", rollback: "arrow", drift: "diamond", alert: "circle", rejected: "rect", stopped: "pin", retired: "roundRect" };
  const reduced = (value) => (typeof value === "number" ? Number(value.toPrecision(4)).toString() : "–");
  const minute = (time) => new Date(time).toISOString().slice(0, 16).replace("T", " ");
  // A mark before the first data has no place on this axis: the table has it.
  const placed = data.marks.filter((mark) => mark.data_time !== null);
  let chart = null;

  function series(colors) {
    const shown = (measured) => data.points.filter((point) => point.measured_on === measured);
    const values = (points) => points.map((point) => ({ value: [point.end, point.value], point }));
    const marks = placed.filter((mark) => kinds.includes(mark.kind));
    const releases = marks.filter((mark) => mark.kind === "release").slice(-60);
    const lines = releases.map((mark) => ({ xAxis: mark.data_time, lineStyle: { color: colors.faint, type: "solid" } }));
    if (data.promised !== null) {
      lines.push({ yAxis: data.promised, lineStyle: { color: colors.ink, type: "dashed" } });
    }
    return [
      {
        name: "live rows", type: "line", symbol: "circle", symbolSize: 5, data: values(shown("live")), color: colors.accent,
        lineStyle: { width: 2 },
        markLine: { silent: true, symbol: "none", label: { show: false }, data: lines },
      },
      { name: "holdout", type: "scatter", symbol: "diamond", symbolSize: 11, data: values(shown("holdout")), color: colors.ink },
      {
        name: "marks", type: "scatter", xAxisIndex: 1, yAxisIndex: 1, symbolSize: 9, color: colors.ink,
        data: marks.map((mark) => ({ value: [mark.data_time, mark.kind], mark, symbol: symbols[mark.kind] })),
      },
    ];
  }

  function tip(item) {
    if (item.data.mark) {
      return `${minute(item.data.mark.time)} UTC\n${item.data.mark.kind}: ${item.data.mark.text.slice(0, 160)}\nentry ${item.data.mark.entry}`;
    }
    const point = item.data.point;
    const start = point.start === null ? "until" : `${minute(point.start)} to`;
    return `${start} ${minute(point.end)} UTC\nversion ${point.version}, ${point.measured_on}\n${data.metric} ${reduced(point.value)}`;
  }

  function draw() {
    const css = getComputedStyle(document.documentElement);
    const color = (name) => css.getPropertyValue(name).trim();
    const colors = { ink: color("--ink"), faint: color("--faint"), accent: color("--bs-link-color"), text: color("--bs-body-color") };
    const label = { color: colors.text };
    const line = { lineStyle: { color: colors.faint, opacity: 0.5 } };
    const narrow = place.clientWidth < 600;
    const left = narrow ? 64 : 76;
    const times = [...data.points.map((point) => point.end), ...placed.map((mark) => mark.data_time)].map((time) => Date.parse(time));
    const [first, last] = [Math.min(...times), Math.max(...times)];
    const margin = Math.max((last - first) * 0.02, 3600e3);
    const range = { min: first - margin, max: last + margin };
    if (chart) {
      chart.dispose();
    }
    chart = window.echarts.init(place, null, { renderer: "svg", useDirtyRect: false });
    chart.setOption({
      animation: false,
      useUTC: true,
      textStyle: { color: colors.text, fontFamily: getComputedStyle(document.body).fontFamily },
      aria: { enabled: true, label: { description: `${data.metric} over time: ${data.points.length} points, ${data.marks.length} marks. The same is in the table below.` } },
      legend: { top: 0, right: 16, data: ["live rows", "holdout"], textStyle: label, selectedMode: false },
      tooltip: { trigger: "item", renderMode: "richText", confine: true, formatter: tip, backgroundColor: color("--bs-body-bg"), borderColor: colors.faint, textStyle: { color: colors.text, fontSize: 12, width: narrow ? 220 : 420, overflow: "break" } },
      grid: [
        { left, right: 16, top: 34, bottom: 176 },
        { left, right: 16, height: 112, bottom: 34 },
      ],
      xAxis: [
        { type: "time", ...range, axisLabel: { show: false }, axisTick: { show: false }, axisLine: line },
        { type: "time", ...range, gridIndex: 1, axisLabel: { ...label, hideOverlap: true }, axisLine: line },
      ],
      yAxis: [
        { type: "value", scale: true, name: data.metric, nameTextStyle: { ...label, align: "left" }, axisLabel: label, splitLine: line },
        { type: "category", gridIndex: 1, data: kinds, inverse: true, axisLabel: label, axisTick: { show: false }, axisLine: { show: false }, splitLine: { show: true, ...line } },
      ],
      dataZoom: [{ type: "inside", xAxisIndex: [0, 1], zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, preventDefaultMouseMove: false }],
      series: series(colors),
    });
  }

  draw();
  document.addEventListener("themechange", draw);
  window.addEventListener("resize", draw);
})();
