// The evaluation of a run: how good it is, compared with what, where it errs.
import { bytes, count, duration, h, percent, s } from "./core.js";

const MOST_CELLS = 24;
const COLORS = ["var(--at-c1)", "var(--at-c2)", "var(--at-c8)", "var(--at-c4)"];

export class Result {
  constructor(page) {
    this.page = page;
    this.built = false;
    this.element = h("section", { class: "at-stack" }, h("div", { class: "at-card at-empty" }, h("p", {}, "The result appears here when the evaluation is done.")));
  }

  update() {
    const { run, report } = this.page;
    if (!report || this.built) {
      if (!report && !run.active) this.element.querySelector("p").textContent = "This run ended without a result, because it was not evaluated.";
      return;
    }
    this.built = true;
    this.element.replaceChildren(...[
      scores(report), report.per_class.length ? perClass(report) : null, report.confusion ? confusion(report) : null,
      report.calibration.length ? h("div", { class: "at-two" }, calibration(report), training(report)) : training(report),
      report.mistakes.length ? mistakes(report) : null,
    ].filter(Boolean));
  }
}

const card = (heading, hint, ...rest) => h("section", { class: "at-card" }, h("h2", {}, heading), hint ? h("p", { class: "at-hint" }, hint) : null, rest);
const withInterval = (score) => (score.low === null ? percent(score.value) : `${percent(score.value)}  [${(score.low * 100).toFixed(1)}, ${(score.high * 100).toFixed(1)}]`);

function scores(report) {
  const contenders = [{ title: "This adapter", scores: report.scores }, ...report.baselines];
  // A score that nothing is compared with, such as the calibration error, has a place of its own further down.
  const compared = report.scores.filter((score) => report.baselines.some((one) => one.scores.some((other) => other.name === score.name)));
  const rows = (compared.length ? compared : report.scores).flatMap((score) => [
    h("div", { class: "at-scale-title" }, score.title),
    ...contenders.flatMap((contender, index) => {
      const found = contender.scores.find((one) => one.name === score.name);
      if (!found) return [];
      const color = COLORS[Math.min(index, COLORS.length - 1)];
      return [h("div", {}, h("span", { style: index ? {} : { "font-weight": "600" } }, contender.title), track(found, color, contender.title), h("span", { class: "at-numbers" }, withInterval(found)))];
    }),
  ]);
  const seconds = report.baselines.filter((one) => one.explanation);
  return card("How good it is", `Measured on ${count(report.split.test)} test rows that took no part in training. Bars are 95 % intervals: where the true score lies.`,
    h("div", { class: "at-scale" }, rows),
    seconds.length ? h("p", { class: "at-quiet", style: { "margin-top": "14px", "font-size": "14px" } }, seconds.map((one) => `${one.title}: ${one.explanation} `)) : null,
    advice(report), report.notes.map((note) => h("div", { class: "at-notice at-warn", style: { "margin-top": "10px" } }, h("p", {}, note))));
}

// What to do when fine-tuning was not worth it: said plainly, because the figures alone do not say it.
function advice(report) {
  const [best] = report.scores;
  const rival = Math.max(...report.baselines.flatMap((one) => one.scores.filter((score) => score.name === best.name).map((score) => score.value)), -Infinity);
  if (best.low === null || best.low > rival || rival > 0.99) return null;
  return h("div", { class: "at-notice", style: { "margin-top": "10px" } }, h("p", {}, best.high !== null && best.high < rival ? "Fine-tuning did worse than the best baseline. " : "Fine-tuning is not clearly ahead of the best baseline. ", "Longer training, more rows, or mended labels among the mistakes below may change that."),
    h("a", { class: "at-button at-small", href: "/" }, "New run"));
}

function track(score, color, who) {
  const place = (value) => `${Math.max(0, Math.min(1, value)) * 100}%`;
  const parts = [];
  if (score.low !== null) parts.push(h("i", { class: "at-whisker", style: { left: place(score.low), width: `${(score.high - score.low) * 100}%` } }));
  parts.push(h("i", { class: "at-dot", style: { left: place(score.value) } }));
  return h("div", { class: "at-track", role: "img", "aria-label": `${who}: ${score.title} ${withInterval(score)}`, style: { "--c": color } }, parts);
}

// A table whose columns sort on a press of their heading. Columns: [title, value of a row, cell of a row].
export function sortable(columns, rows, initial = null) {
  const body = h("tbody", {});
  const headings = columns.map(([text, value], index) => h("th", { scope: "col", class: index ? "at-number" : "" },
    h("button", { type: "button", onclick: () => sort(index, value) }, text)));
  let order = [initial, 1];
  const fill = (sorted) => body.replaceChildren(...sorted.map((row) => h("tr", {}, columns.map(([, , cell], index) => (
    index ? h("td", { class: "at-number" }, cell(row)) : h("th", { scope: "row" }, cell(row)))))));
  const sort = (index, value) => {
    order = [index, order[0] === index ? -order[1] : 1];
    headings.forEach((heading, place) => { if (place === index) heading.setAttribute("aria-sort", order[1] > 0 ? "ascending" : "descending"); else heading.removeAttribute("aria-sort"); });
    fill([...rows].sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * order[1]));
  };
  fill(rows);
  return h("div", { class: "at-scroll" }, h("table", {}, h("thead", {}, h("tr", {}, headings)), body));
}

function perClass(report) {
  // Without test rows nothing is known about a class: 0 % would be a claim.
  const share = (name) => [(row) => (row.support ? row[name] : -1), (row) => (row.support ? percent(row[name]) : "–")];
  return card("Each class", "Precision: how often it is right when it says this class. Recall: how many rows of this class it finds. F1 is their balance.", sortable([
    ["Class", (row) => row.label, (row) => row.label],
    ["Precision", ...share("precision")],
    ["Recall", ...share("recall")],
    ["F1", (row) => (row.support ? row.f1 : -1), (row) => (row.support ? [percent(row.f1), h("span", { class: "at-mini", "aria-hidden": "true" }, h("i", { style: { width: `${row.f1 * 100}%` } }))] : "–")],
    ["Test rows", (row) => row.support, (row) => count(row.support)],
  ], report.per_class));
}

function confused({ labels, counts }) {
  const found = [];
  counts.forEach((row, i) => row.forEach((amount, j) => { if (i !== j && amount) found.push([amount, labels[i], labels[j], amount / row.reduce((a, b) => a + b, 0)]); }));
  return found.sort((a, b) => b[0] - a[0]).slice(0, 5);
}

function confusion(report) {
  const { labels, counts } = report.confusion;
  const worst = confused(report.confusion);
  const list = worst.length
    ? h("ul", { style: { "margin-top": "14px", "padding-left": "20px", "font-size": "14px", "list-style": "disc" } }, worst.map(([amount, from, to, share]) => h("li", {}, h("b", {}, from), " taken for ", h("b", {}, to), `: ${count(amount)} rows (${percent(share, 0)} of that class)`)))
    : h("p", { style: { "margin-top": "12px" } }, "No class was taken for another.");
  const table = labels.length <= MOST_CELLS ? heat(labels, counts) : h("p", { class: "at-quiet" }, `${labels.length} classes are too many to draw; the report has all counts.`);
  return card("Which classes it mixes up", "Rows: the label in your file. Columns: what it predicted. The diagonal is right.", table, list);
}

function heat(labels, counts) {
  const rows = counts.map((row, i) => {
    const total = row.reduce((a, b) => a + b, 0) || 1;
    return h("tr", {}, h("th", { scope: "row", title: labels[i] }, labels[i]), row.map((amount, j) => {
      const share = amount / total;
      const style = amount ? { background: `rgba(var(--at-heat), ${(0.08 + share * 0.82).toFixed(3)})` } : { background: "var(--at-page)" };
      if (share > 0.55) style.color = "var(--at-accent-text)";
      if (!amount) style.color = "var(--at-soft)";
      return h("td", { style, title: `${labels[i]} → ${labels[j]}: ${amount} of ${total}` }, amount ? count(amount) : "·");
    }));
  });
  return h("div", { class: "at-scroll", tabindex: "0" }, h("table", { class: "at-heat" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, ""), labels.map((label) => h("th", { scope: "col", title: label }, label)))), h("tbody", {}, rows)));
}

function calibration(report) {
  const bins = report.calibration.filter((bin) => bin.count);
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  const gap = bins.reduce((sum, bin) => sum + (Math.abs(bin.confidence - bin.accuracy) * bin.count) / total, 0);
  const over = bins.reduce((sum, bin) => sum + ((bin.confidence - bin.accuracy) * bin.count) / total, 0);
  const size = 300;
  const [left, bottom, span] = [44, size - 40, size - 60];
  const x = (value) => left + value * span;
  const y = (value) => bottom - value * span;
  const plot = s("svg", { class: "at-calibration", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": `Confidence differs from accuracy by ${percent(gap)} on average.` },
    [0, 0.25, 0.5, 0.75, 1].map((value) => [
      s("line", { x1: x(0), x2: x(1), y1: y(value), y2: y(value), stroke: "var(--at-grid)" }),
      s("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, `${value * 100}`),
      s("text", { x: x(value), y: bottom + 16, "text-anchor": "middle" }, `${value * 100}`),
    ]),
    s("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), stroke: "var(--at-soft)", "stroke-dasharray": "4 4" }),
    s("polyline", { points: bins.map((bin) => `${x(bin.confidence)},${y(bin.accuracy)}`).join(" "), fill: "none", stroke: "var(--at-c1)", "stroke-width": "2" }),
    bins.map((bin) => s("circle", { cx: x(bin.confidence), cy: y(bin.accuracy), r: 3 + 7 * Math.sqrt(bin.count / total), fill: "var(--at-c1)", "fill-opacity": ".75" },
      s("title", {}, `${percent(bin.confidence)} sure, ${percent(bin.accuracy)} right, ${bin.count} rows`))),
    s("text", { x: x(0.5), y: size - 6, "text-anchor": "middle" }, "how sure it says it is, %"),
    s("text", { x: 12, y: y(0.5), "text-anchor": "middle", transform: `rotate(-90 12 ${y(0.5)})` }, "how often it is right, %"));
  const words = gap < 0.03 ? "Its confidence can be taken at its word" : over > 0 ? "It is more sure than it should be" : "It is less sure than it could be";
  return card("Can its confidence be trusted?", `${words}: the two differ by ${(gap * 100).toFixed(1)} points on average. On the dashed line they agree.`, plot);
}

function training(report) {
  const run = report.training;
  const facts = [
    ["Rows", `${count(report.split.train)} train · ${count(report.split.validation)} validation · ${count(report.split.test)} test`],
    ["Steps", `${count(run.steps)} (${run.epochs.toFixed(2)} epochs)`],
    ["Best step", run.best_step === null ? "the last" : count(run.best_step)],
    ["Time", duration(run.seconds)],
    ["Speed", `${run.samples_per_second.toFixed(1)} samples per second`],
    ["Most memory", bytes(run.peak_memory_bytes)],
    ["Trained", `${count(run.trainable_parameters)} of ${count(run.total_parameters)} parameters (${percent(run.trainable_parameters / Math.max(1, run.total_parameters))})`],
    ["Device", run.device],
  ];
  return card("How it was trained", null, h("table", {}, h("tbody", {}, facts.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "at-number", style: { "white-space": "normal" } }, value))))));
}

function mistakes(report) {
  const many = Object.keys(report.mistakes[0].inputs).length > 1;
  const text = (inputs) => Object.entries(inputs).map(([role, value]) => (many ? `${role}: ${value}` : value)).join("\n");
  return card("Its worst mistakes", "Where it was most sure and wrong. Look here first: such rows are often labelled wrong. Row numbers are those of your file, as a spreadsheet shows them.",
    h("div", { class: "at-scroll" }, h("table", { class: "at-mistakes" },
      h("thead", {}, h("tr", {}, ["Row", "Text", "Your label", "Predicted", "Sure"].map((name, index) => h("th", { scope: "col", class: index === 4 || !index ? "at-number" : "" }, name)))),
      h("tbody", {}, report.mistakes.map((row) => h("tr", {},
        h("td", { class: "at-number", "data-title": "Row" }, count(row.row)), h("td", { class: "at-text" }, text(row.inputs)),
        h("td", { "data-title": "Your label" }, row.expected), h("td", { "data-title": "Predicted" }, row.predicted), h("td", { class: "at-number", "data-title": "Sure" }, percent(row.confidence, 0))))))));
}
