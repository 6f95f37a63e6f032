// Draws a meter's periods as bars and its register as a line; a click on a bar explains it in place.
"use strict";

const style = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language, { maximumSignificantDigits: 5 });
const HEIGHT = 240;

const rowsOf = async (url) => {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
};

// A civil day as an instant of UTC, so that no zone moves it.
const instant = (period) => {
  const [year, month = "01", day = "01"] = period.slice(0, 10).split("-");
  return Date.UTC(+year, +month - 1, +day) / 1000;
};
const month = new Intl.DateTimeFormat(language, { month: "short", year: "numeric", timeZone: "UTC" });
const named = (by) => (seconds) => {
  const at = new Date(seconds * 1000);
  if (by === "month") return month.format(at);
  const [year, ofYear, day] = at.toISOString().slice(0, 10).split("-");
  if (by === "year") return year;
  return language === "de" ? `${day}.${ofYear}.${year}` : `${year}-${ofYear}-${day}`;
};

// Estimated bars are hatched, as in the monthly report.
const hatched = (colour) => {
  const canvas = document.createElement("canvas");
  const side = 8;
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  for (const offset of [-side, 0, side]) {
    pen.beginPath();
    pen.moveTo(offset, side);
    pen.lineTo(offset + side, 0);
    pen.stroke();
  }
  return pen.createPattern(canvas, "repeat");
};

const axes = (figure, by) => {
  const quiet = style(figure, "--quiet");
  const rule = style(figure, "--rule");
  const name = named(by);
  return [
    { stroke: quiet, grid: { show: false }, ticks: { show: false }, space: 70,
      values: (_, instants) => instants.map(name), incrs: by === "year" ? [365 * 86400] : undefined },
    { stroke: quiet, grid: { stroke: rule, width: 1 }, ticks: { show: false }, size: 62,
      values: (_, values) => values.map((value) => number.format(value)) },
  ];
};

const bars = async (figure) => {
  const rows = (await rowsOf(figure.dataset.url)).filter((row) => row.consumption !== null);
  if (!rows.length) return;
  figure.hidden = false;
  const { by, unit } = figure.dataset;
  const accent = style(figure, "--accent");
  const quiet = style(figure, "--quiet");
  const pattern = hatched(accent);
  const caption = document.createElement("figcaption");
  caption.textContent = `${figure.dataset.consumption} [${unit}]`;
  figure.append(caption);
  // Bars stand in even steps, whatever the length of a month.
  const places = rows.map((_, place) => place);
  const name = named(by);
  const label = (place) => (rows[place] ? name(instant(rows[place].period)) : "");
  const whiskers = (plot) => {
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = quiet;
    pen.lineWidth = devicePixelRatio;
    rows.forEach((row, place) => {
      if (row.lower === null || row.upper === null || row.upper - row.lower <= 0) return;
      const x = Math.round(plot.valToPos(place, "x", true));
      const ends = [row.lower, row.upper].map((end) => plot.valToPos(end, "y", true));
      pen.beginPath();
      pen.moveTo(x, ends[0]);
      pen.lineTo(x, ends[1]);
      pen.stroke();
    });
    pen.restore();
  };
  const [across, up] = axes(figure, by);
  const highest = Math.max(...rows.map((row) => Math.max(row.consumption, row.upper ?? 0)), 0);
  const lowest = Math.min(...rows.map((row) => Math.min(row.consumption, row.lower ?? 0)), 0);
  const plot = new uPlot(
    {
      width: figure.clientWidth, height: HEIGHT,
      scales: { x: { time: false, range: [-0.6, rows.length - 0.4] }, y: { range: [lowest * 1.08, highest * 1.08 || 1] } },
      axes: [{ ...across, incrs: [1, 2, 3, 6, 7, 12, 14, 28, 60], values: (_, at) => at.map((place) => (Number.isInteger(place) ? label(place) : "")) }, up],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      series: [
        {},
        { paths: uPlot.paths.bars({
            size: [0.75, 60],
            disp: {
              fill: { unit: 3, values: () => rows.map((row) => (row.estimated_share > 0.5 ? pattern : accent)) },
              stroke: { unit: 3, values: () => rows.map(() => accent) },
            },
          }), points: { show: false }, width: 1, stroke: accent, fill: accent },
      ],
      hooks: { draw: [whiskers], setCursor: [(made) => {
        const row = rows[made.cursor.idx];
        if (!row) { caption.textContent = `${figure.dataset.consumption} [${unit}]`; return; }
        const band = row.lower !== null && row.upper > row.lower ? ` (${number.format(row.lower)}–${number.format(row.upper)})` : "";
        const known = row.estimated_share > 0 ? `, ${figure.dataset.estimated}` : "";
        caption.textContent = `${label(made.cursor.idx)}: ${number.format(row.consumption)} ${unit}${band}${known}`;
      }] },
    },
    [places, rows.map((row) => row.consumption)],
    figure,
  );
  plot.over.addEventListener("click", () => {
    const row = rows[plot.cursor.idx];
    if (row) explain(figure.dataset.meter, by, row.period);
  });
  fitted(figure, plot);
};

const register = async (figure) => {
  const rows = (await rowsOf(figure.dataset.url)).filter((row) => row.closing !== null);
  if (!rows.length) return;
  figure.hidden = false;
  const caption = document.createElement("figcaption");
  caption.textContent = `${figure.dataset.register} [${figure.dataset.unit}]`;
  figure.append(caption);
  const at = new Map(rows.map((row) => [instant(row.period) + 86400, [row.closing, null]]));
  if (figure.dataset.readings) {
    for (const reading of await rowsOf(figure.dataset.readings)) {
      const local = reading.time.slice(0, 19);
      const seconds = Date.parse(`${local}Z`) / 1000;
      at.set(seconds, [at.get(seconds)?.[0] ?? null, reading.value]);
    }
  }
  const instants = [...at.keys()].sort((one, other) => one - other);
  const accent = style(figure, "--accent");
  const plot = new uPlot(
    {
      width: figure.clientWidth, height: HEIGHT * 0.75, axes: axes(figure, "day"), legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      series: [
        {},
        { stroke: accent, width: 2, spanGaps: true, points: { show: false } },
        { stroke: accent, width: 0, paths: () => null, points: { show: at.size < 400, size: 5, fill: accent } },
      ],
    },
    [instants, instants.map((one) => at.get(one)[0]), instants.map((one) => at.get(one)[1])],
    figure,
  );
  fitted(figure, plot);
};

const fitted = (figure, plot) => {
  new ResizeObserver(() => {
    if (figure.clientWidth && figure.clientWidth !== plot.width) plot.setSize({ width: figure.clientWidth, height: plot.height });
  }).observe(figure);
};

const explain = async (meter, by, period) => {
  const section = document.getElementById("explained");
  const answer = await fetch(`/api/v1/meters/${encodeURIComponent(meter)}/explain?${by}=${period}`);
  const said = await answer.json();
  section.querySelector("pre").textContent = answer.ok ? said.text : said.detail;
  section.hidden = false;
  section.scrollIntoView({ block: "nearest" });
};

const drawn = { bars, register };
for (const [id, draw] of Object.entries(drawn)) {
  const figure = document.getElementById(id);
  if (figure) draw(figure).catch(() => { figure.hidden = true; });
}
