// Line charts in SVG: raw and smoothed, any number of curves, a readout that stays in its place, and no library.
import { figure, h, s } from "./core.js";

const MARGIN = { top: 10, right: 14, bottom: 26, left: 46 };

// Exponential moving average without the usual pull towards the first value.
export function smooth(values, weight) {
  let last = 0;
  let mass = 0;
  return values.map((value) => {
    last = last * weight + value * (1 - weight);
    mass = mass * weight + (1 - weight);
    return last / mass;
  });
}

function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw) || power;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of [1, 2, 5]) {
      const value = factor * 10 ** power;
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

// No more than two points a pixel, the lowest and the highest of it: a spike stays a spike.
function thin(points, width) {
  if (points.length <= width * 2) return points;
  const kept = [];
  const per = points.length / width;
  for (let pixel = 0; pixel < width; pixel += 1) {
    const part = points.slice(Math.floor(pixel * per), Math.floor((pixel + 1) * per));
    if (!part.length) continue;
    let low = part[0];
    let high = part[0];
    for (const point of part) { if (point[1] < low[1]) low = point; if (point[1] > high[1]) high = point; }
    kept.push(...(low[0] <= high[0] ? [low, high] : [high, low]));
  }
  return kept;
}

// A tick as short as its neighbours allow: 0.5 and not 0.5000.
function tickText(value, all, format) {
  const text = format(value);
  if (text.endsWith("%")) return `${Number((value * 100).toPrecision(4))} %`;
  const digits = Math.max(0, ...all.map((one) => (Number(one.toPrecision(6)).toFixed(9).replace(/0+$/, "").split(".")[1] || "").length));
  if (digits > 5) return value ? text.replace(/\.?0+e/, "e") : "0";
  return Math.abs(value) >= 10000 ? text : value.toFixed(digits);
}

const path = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

// The place of the point nearest to `x` among points sorted by their first value.
function nearest(points, x) {
  let low = 0;
  let high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x) low = middle; else high = middle;
  }
  return Math.abs(points[low][0] - x) <= Math.abs(points[high][0] - x) ? low : high;
}

export class Chart {
  // series: [{ id, label, color, points: [[x, y]], smoothing, dots }]; options may be given anew with every `show`.
  constructor({ heading, format = figure, formatX = (x) => figure(x), empty = "Points appear with the first steps.", onHover = () => {} }) {
    Object.assign(this, { heading, format, formatX, onHover, series: [], options: {}, hover: null, frame: 0 });
    this.title = h("h3", {}, heading);
    this.legend = h("div", { class: "at-legend" });
    this.place = h("span", { class: "at-place" });
    this.svg = s("svg", { class: "at-plot", tabindex: "0", role: "img", preserveAspectRatio: "none" });
    this.empty = h("p", { class: "at-plot-empty" }, empty);
    this.element = h("figure", { class: "at-chart" },
      h("figcaption", {}, this.title, this.place), this.legend, h("div", { class: "at-plot-box" }, this.svg, this.empty));
    this.layers = { grid: s("g", { class: "at-grid" }), marks: s("g"), lines: s("g"), cursor: s("g", { class: "at-cursor" }) };
    this.svg.append(...Object.values(this.layers));
    this.rows = new Map();
    const move = (event) => this.point(this.toValue(event.clientX - this.svg.getBoundingClientRect().left));
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerdown", move);
    this.svg.addEventListener("pointerleave", () => this.point(null));
    this.svg.addEventListener("blur", () => this.point(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.svg);
  }

  rename(heading) {
    if (heading === this.heading) return;
    this.heading = heading;
    this.title.textContent = heading;
  }

  show(series, options = {}) {
    this.series = series;
    this.options = options;
    if (options.formatX) this.formatX = options.formatX;
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  point(wanted) {
    let x = null;
    if (wanted !== null) {  // the nearest point there is, not the empty space after the last one
      for (const { points } of this.series) {
        const near = points.length ? points[nearest(points, wanted)][0] : null;
        if (near !== null && (x === null || Math.abs(near - wanted) < Math.abs(x - wanted))) x = near;
      }
    }
    if (x === this.hover) return;
    this.follow(x);
    this.onHover(x);
  }

  follow(x) {
    this.hover = x;
    this.drawCursor();
    this.drawLegend();
  }

  key(event) {
    const longest = this.series.reduce((best, one) => (one.points.length > best.length ? one.points : best), []);
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !longest.length) { if (event.key === "Escape") this.point(null); return; }
    event.preventDefault();
    const at = this.hover === null ? longest.length - 1 : nearest(longest, this.hover);
    this.point(longest[Math.max(0, Math.min(longest.length - 1, at + steps[event.key]))][0]);
  }

  toValue(pixel) {
    if (!this.scale) return null;
    const { x0, x1, width } = this.scale;
    const share = (pixel - MARGIN.left) / Math.max(1, width - MARGIN.left - MARGIN.right);
    return x0 + Math.max(0, Math.min(1, share)) * (x1 - x0);
  }

  draw() {
    const width = Math.max(160, this.svg.clientWidth || 0);
    const height = this.svg.clientHeight || 0;
    if (!this.svg.clientWidth || !height) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const log = Boolean(this.options.log);
    const shown = this.series.map((one) => ({ ...one, points: log ? one.points.filter((p) => p[1] > 0) : one.points }));
    const total = shown.reduce((sum, one) => sum + one.points.length, 0);
    this.empty.hidden = total > 0;
    this.svg.dataset.points = String(total);
    if (!total) { this.scale = null; for (const layer of Object.values(this.layers)) layer.replaceChildren(); this.drawLegend(); return; }
    this.scale = this.scales(shown, width, height, log);
    this.drawGrid();
    this.drawLines(shown);
    this.drawMarks();
    this.drawCursor();
    this.drawLegend();
  }

  scales(shown, width, height, log) {
    let [x0, x1, y0, y1] = [0, this.options.xMax || 0, Infinity, -Infinity];
    for (const one of shown) {
      for (const [x, y] of one.points) {
        if (x > x1) x1 = x;
        if (y < y0) y0 = y;
        if (y > y1) y1 = y;
      }
    }
    if (x1 === x0) x1 = x0 + 1;
    const bounds = this.options.bounds;
    if (log) { y0 = Math.log10(y0); y1 = Math.log10(y1); }
    const room = (y1 - y0) * 0.06 || Math.abs(y1) * 0.1 || 0.5;
    const natural = y0 >= 0 && !log;
    y0 = natural ? Math.max(bounds ? bounds[0] : 0, y0 - room) : y0 - room;
    y1 += room;
    if (bounds) y1 = Math.min(bounds[1], y1);
    if (natural && !bounds && y0 < (y1 - y0) * 0.35) y0 = 0;
    const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
    return {
      x0, x1, y0, y1, log, width, height, left, right, top, bottom,
      x: (value) => left + ((value - x0) / (x1 - x0)) * (right - left),
      y: (value) => bottom - (((log ? Math.log10(value) : value) - y0) / (y1 - y0)) * (bottom - top),
    };
  }

  drawGrid() {
    const { x0, x1, y0, y1, log, x, y, left, right, bottom, height } = this.scale;
    const down = log ? logTicks(10 ** y0, 10 ** y1) : ticks(y0, y1, 4);
    const along = ticks(x0, x1, Math.max(2, Math.floor((right - left) / 90)));
    this.layers.grid.replaceChildren(
      ...down.map((value) => s("line", { x1: left, x2: right, y1: y(value), y2: y(value) })),
      ...down.map((value) => s("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, tickText(value, down, this.format))),
      s("line", { class: "at-axis", x1: left, x2: right, y1: bottom, y2: bottom }),
      ...along.map((value) => s("text", { x: Math.min(x(value), right - 8), y: height - 7, "text-anchor": "middle" }, this.formatX(value))));
  }

  drawLines(shown) {
    const { x, y, left, right } = this.scale;
    const room = Math.max(50, right - left);
    const keep = new Set();
    for (const one of shown) {
      const row = this.rows.get(one.id) || this.addRow(one.id);
      keep.add(one.id);
      const weight = one.smoothing && one.points.length > 2 ? one.smoothing : 0;
      const raw = thin(one.points, room).map(([a, b]) => [x(a), y(b)]);
      row.raw.setAttribute("d", path(raw));
      row.raw.setAttribute("class", weight ? "at-raw" : "at-line");
      row.even = weight ? smooth(one.points.map((point) => point[1]), weight) : null;
      const even = weight ? thin(one.points.map((point, index) => [point[0], row.even[index]]), room) : [];
      row.line.setAttribute("d", path(even.map(([a, b]) => [x(a), y(b)])));
      const dotted = one.points.length === 1 || (one.dots && one.points.length <= 80);
      row.dots.setAttribute("d", dotted ? raw.map(([a, b]) => `M${a.toFixed(1)} ${b.toFixed(1)}h0`).join("") : "");
      row.group.style.setProperty("color", one.color);
    }
    for (const [id, row] of this.rows) if (!keep.has(id)) { row.group.remove(); this.rows.delete(id); }
  }

  addRow(id) {
    const row = { raw: s("path"), line: s("path", { class: "at-line" }), dots: s("path", { class: "at-dots" }) };
    row.group = s("g", { "data-curve": id }, row.raw, row.line, row.dots);
    this.layers.lines.append(row.group);
    this.rows.set(id, row);
    return row;
  }

  drawMarks() {
    const { x, y, x0, x1, top, bottom, left, right } = this.scale;
    const inside = (this.options.marks || []).filter((mark) => mark.x >= x0 && mark.x <= x1);
    this.layers.marks.replaceChildren(...inside.flatMap((mark) => {
      const at = x(mark.x);
      const end = at > (left + right) / 2;
      return [
        s("line", { class: `at-mark at-${mark.kind || "best"}`, x1: at, x2: at, y1: top, y2: bottom }),
        mark.label ? s("text", { class: "at-mark-label", x: at + (end ? -6 : 6), y: top + 9, "text-anchor": end ? "end" : "start" }, mark.label) : null,
        mark.y === undefined ? null : s("circle", { class: "at-mark-dot", cx: at, cy: y(mark.y), r: 5 }),
      ].filter(Boolean);
    }));
  }

  drawCursor() {
    if (!this.scale || this.hover === null) { this.layers.cursor.replaceChildren(); return; }
    const { x, y, top, bottom, x1 } = this.scale;
    const at = x(Math.min(this.hover, x1));
    const dots = this.series.filter((one) => one.points.length).map((one) => {
      const index = nearest(one.points, this.hover);
      const row = this.rows.get(one.id);
      const value = row && row.even ? row.even[index] : one.points[index][1];
      return this.scale.log && value <= 0 ? null : s("circle", { cx: x(one.points[index][0]), cy: y(value), r: 3.5, style: { color: one.color } });
    });
    this.layers.cursor.replaceChildren(s("line", { x1: at, x2: at, y1: top, y2: bottom }), ...dots.filter(Boolean));
  }

  drawLegend() {
    const names = this.series.map((one) => one.id).join("|");
    if (this.legend.names !== names) {
      this.legend.names = names;
      this.legend.replaceChildren(...this.series.map((one) => h("span", { style: { "--c": one.color } },
        h("i", { class: one.dots ? "at-dotted" : "" }), h("span", {}, one.label), h("b", {}))));
    }
    let words = "";
    this.series.forEach((one, index) => {
      const found = one.points.length ? (this.hover === null ? one.points.length - 1 : nearest(one.points, this.hover)) : -1;
      const value = found < 0 ? "–" : this.format(one.points[found][1]);
      this.legend.children[index].querySelector("b").textContent = value;
      words += `${one.label} ${value}. `;
    });
    this.place.textContent = this.hover === null ? "" : this.formatX(this.hover, true);
    this.svg.setAttribute("aria-label", `${this.heading}. ${words}Left and right arrow keys read earlier points.`);
  }
}

export function sparkline(values, label, { width = 96, height = 26 } = {}) {
  if (!values || values.length < 2) return h("span", { class: "at-quiet" }, "–");
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((value, index) => [
    2 + (index / (values.length - 1)) * (width - 4), height - 3 - ((value - low) / span) * (height - 6),
  ]);
  const [x, y] = points[points.length - 1];
  return s("svg", { class: "at-spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    s("path", { d: path(points) }), s("circle", { cx: x, cy: y, r: 2 }));
}

export const COLORS = Array.from({ length: 8 }, (_, index) => `var(--at-c${index + 1})`);
