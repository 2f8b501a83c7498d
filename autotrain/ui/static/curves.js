// The curves of one run, growing while it trains.
import { COLORS, Chart } from "./chart.js";
import { duration, h } from "./core.js";
import { better, measure, shown, title } from "./measures.js";

export const MODES = [["step", "Steps"], ["epoch", "Epochs"], ["time", "Time"]];

export const choice = (label, options, chosen, pick) => {
  const group = h("div", { class: "at-choices", role: "group", "aria-label": label }, options.map(([value, text]) => h("button", {
    type: "button", "aria-pressed": String(value === chosen),
    onclick: (event) => {
      for (const button of group.children) button.setAttribute("aria-pressed", String(button === event.currentTarget));
      pick(value);
    },
  }, text)));
  return group;
};

export const formatX = (mode) => (x, long) => {
  if (mode === "time") return long ? `after ${duration(x)}` : duration(x);
  if (mode === "epoch") return `${long ? "epoch " : ""}${Number(x.toFixed(2))}`;
  return `${long ? "step " : ""}${Math.round(x).toLocaleString("en")}`;
};

// A point as the server sends it: step, epoch, time, value.
export const along = (points, mode, start) => {
  const column = mode === "epoch" ? 1 : 0;
  return mode === "time" ? points.map((p) => [p[2] - start, p[3]]) : points.map((p) => [p[column], p[3]]);
};

// Adds points; where a later attempt repeats a step, its points take the place of the lost ones.
export function merge(curve, fresh) {
  if (curve.length && fresh.length && fresh[0][0] <= curve[curve.length - 1][0]) {
    let keep = curve.length;
    while (keep > 0 && curve[keep - 1][0] >= fresh[0][0]) keep -= 1;
    curve.length = keep;
  }
  for (const point of fresh) curve.push(point);
}

export class Curves {
  constructor(page) {
    this.page = page;
    this.points = {};
    this.mode = "step";
    this.smoothing = 0.6;
    this.log = false;
    this.place = h("div", { class: "at-charts" });
    this.charts = {};
    this.chart("loss", "Loss");
    this.chart("rate", "Learning rate");
    this.chart("share", "Scores on validation rows", (value) => shown({ unit: "share" }, value));
    this.charts.share.empty.textContent = "Points appear with the first evaluation.";
    const weight = h("output", { class: "at-numbers", style: { "min-width": "3.5ch" } }, "0.60");
    this.element = h("section", { class: "at-stack" },
      h("div", { class: "at-toolbar" },
        choice("What the axis counts", MODES, this.mode, (mode) => { this.mode = mode; this.draw(); }),
        h("label", {}, "Smoothing", h("input", {
          type: "range", min: "0", max: "0.98", step: "0.02", value: "0.6",
          oninput: (event) => { this.smoothing = Number(event.target.value); weight.textContent = this.smoothing.toFixed(2); this.draw(); },
        }), weight),
        h("label", {}, h("input", { type: "checkbox", onchange: (event) => { this.log = event.target.checked; this.draw(); } }), "Logarithmic loss")),
      this.place);
  }

  // The learning rate stays the last one.
  chart(key, heading, format) {
    if (this.charts[key]) return this.charts[key];
    const made = new Chart({ heading, format, onHover: (x) => this.hover(x) });
    this.charts[key] = made;
    this.place.insertBefore(made.element, key !== "rate" && this.charts.rate ? this.charts.rate.element : null);
    return made;
  }

  // What validation measures: shares have one chart, every other score its own.
  judged() {
    return Object.keys(this.points).filter((name) => name.startsWith("eval_") && name !== "eval_loss").map((name) => [name, measure(name)]);
  }

  add(points) {
    for (const [name, fresh] of Object.entries(points)) merge(this.points[name] || (this.points[name] = []), fresh);
  }

  hover(x) {
    for (const chart of Object.values(this.charts)) chart.follow(x);
  }

  update() { this.draw(); }

  open() { this.draw(); }

  best() {
    const { report, run } = this.page;
    const done = report ? report.training.best_step : null;
    const [name, judge] = this.judged()[0] || ["eval_loss", { higher_is_better: false }];
    const curve = this.points[name] || [];
    let point = null;
    if (done !== null && done !== undefined) point = [done, null, null, null];
    else for (const one of curve) if (!point || better(judge, one[3], point[3])) point = one;
    if (!point) return null;
    const known = Object.values(this.points).flat().find((one) => one[0] === point[0]);
    return known ? { point: known, label: run.state === "succeeded" ? "best, kept" : "best so far" } : null;
  }

  draw() {
    if (this.element.hidden) return;
    const { run } = this.page;
    const get = (name) => this.points[name] || [];
    const everything = Object.values(this.points).flat();
    const start = everything.reduce((least, point) => Math.min(least, point[2]), run.started_at || Infinity);
    const curve = (name, label, color, more = {}) => ({ id: name, label, color: COLORS[color], points: along(get(name), this.mode, start), ...more });
    const best = this.best();
    const total = run.progress && run.active ? run.progress.total_steps : 0;
    const last = get("loss").at(-1);
    const perEpoch = last && last[1] ? last[0] / last[1] : 0;
    const planned = this.mode === "step" ? total : this.mode === "epoch" && perEpoch ? Math.ceil(total / perEpoch - 0.05) : 0;
    // One range for all charts, so that the same place is the same moment in each.
    const xMax = along(everything, this.mode, start).reduce((most, [x]) => Math.max(most, x), planned);
    const marks = (label) => (best ? [{ x: along([best.point], this.mode, start)[0][0], label: label ? best.label : "" }] : []);
    const shared = { xMax, formatX: formatX(this.mode) };
    this.charts.loss.show([
      curve("loss", "Training", 0, { smoothing: this.smoothing }), curve("eval_loss", "Validation", 1, { dots: true }),
    ], { ...shared, log: this.log, marks: marks(true) });
    const judged = this.judged();
    const shares = judged.filter(([, one]) => one.unit === "share");
    this.charts.share.element.hidden = !shares.length && judged.length > 0;
    this.charts.share.rename(shares.length ? `${shares.map(([name]) => title(name)).join(", ")} on validation rows` : "Scores on validation rows");
    this.charts.share.show(shares.map(([name], index) => curve(name, title(name), 2 + index, { dots: true })), { ...shared, bounds: [0, 1], marks: marks(false) });
    for (const [name, one] of judged.filter(([, each]) => each.unit !== "share")) {
      this.chart(name, `${title(name)} on validation rows`, (value) => shown(one, value)).show([curve(name, title(name), 3, { dots: true })], { ...shared, marks: marks(false) });
    }
    this.charts.rate.show([curve("learning_rate", "Learning rate", 4)], { ...shared, marks: [] });
  }
}

