// The curves of one run, growing while it trains.
import { COLORS, Chart } from "./chart.js";
import { duration, h, percent } from "./core.js";

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
    const make = (heading, format) => new Chart({ heading, format, onHover: (x) => this.hover(x) });
    this.charts = { loss: make("Loss"), scores: make("Accuracy and macro F1 on validation rows", percent), rate: make("Learning rate") };
    this.charts.scores.empty.textContent = "Points appear with the first evaluation.";
    const weight = h("output", { class: "at-numbers", style: { "min-width": "3.5ch" } }, "0.60");
    this.element = h("section", { class: "at-stack" },
      h("div", { class: "at-toolbar" },
        choice("What the axis counts", MODES, this.mode, (mode) => { this.mode = mode; this.draw(); }),
        h("label", {}, "Smoothing", h("input", {
          type: "range", min: "0", max: "0.98", step: "0.02", value: "0.6",
          oninput: (event) => { this.smoothing = Number(event.target.value); weight.textContent = this.smoothing.toFixed(2); this.draw(); },
        }), weight),
        h("label", {}, h("input", { type: "checkbox", onchange: (event) => { this.log = event.target.checked; this.draw(); } }), "Logarithmic loss")),
      h("div", { class: "at-charts" }, Object.values(this.charts).map((chart) => chart.element)));
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
    const curve = this.points.eval_macro_f1 || this.points.eval_accuracy || [];
    let point = null;
    if (done !== null && done !== undefined) point = [done, null, null, null];
    else for (const one of curve) if (!point || one[3] > point[3]) point = one;
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
    this.charts.scores.show([
      curve("eval_accuracy", "Accuracy", 2, { dots: true }), curve("eval_macro_f1", "Macro F1", 3, { dots: true }),
    ], { ...shared, bounds: [0, 1], marks: marks(false) });
    this.charts.rate.show([curve("learning_rate", "Learning rate", 4)], { ...shared, marks: [] });
  }
}

