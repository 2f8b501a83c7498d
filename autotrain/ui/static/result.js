// The evaluation of a run: how good it is, compared with what, where it errs.
import { bytes, count, duration, h, percent, s } from "./core.js";
import { Judge, OtherFile } from "./evaluate.js";
import { better, plain, shown } from "./measures.js";

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
      report.shortened && report.shortened.length ? shortened(report) : null,
      report.mistakes.length ? mistakes(report) : null,
      report.examples.length && !report.confusion ? examples(report) : null,
      (report.written.length ? report.written : report.examples).some((one) => one.untouched !== null && "prompt" in one.inputs) ? new Judge(this.page).element : null,
      new OtherFile(this.page).element,
    ].filter(Boolean));
  }
}

const card = (heading, hint, ...rest) => h("section", { class: "at-card" }, h("h2", {}, heading), hint ? h("p", { class: "at-hint" }, hint) : null, rest);
const end = (score, value) => (score.unit === "share" ? (value * 100).toFixed(1) : plain(value));
const withInterval = (score) => (score.low === null ? shown(score) : `${shown(score)}  [${end(score, score.low)}, ${end(score, score.high)}]`);

// Where a scale begins and ends: shares from 0 to 1, numbers around what is drawn.
function scaleOf(found) {
  if (found[0].unit === "share") return [0, 1];
  const values = found.flatMap((score) => [score.value, score.low ?? score.value, score.high ?? score.value]);
  const [least, most] = [Math.min(...values, 0), Math.max(...values, 0)];
  return most > least ? [least, most + (most - least) * 0.03] : [least, least + 1];
}

const HELD_OUT = (report) => `Measured on ${count(report.split.test)} test rows that took no part in training. Bars are 95 % intervals: where the true score lies.`;

export function scores(report, hint = HELD_OUT(report), heading = "How good it is") {
  const contenders = [{ title: "This adapter", scores: report.scores }, ...report.baselines];
  // A score that nothing is compared with, such as the calibration error, has a place of its own further down.
  const compared = report.scores.filter((score) => report.baselines.some((one) => one.scores.some((other) => other.name === score.name)));
  const rows = (compared.length ? compared : report.scores).flatMap((score) => [
    h("div", { class: "at-scale-title" }, score.title, score.higher_is_better ? null : h("span", { class: "at-quiet", style: { "font-weight": "400" } }, ", lower is better")),
    ...contenders.flatMap((contender, index, all) => {
      const scale = scaleOf(all.flatMap((one) => one.scores.filter((other) => other.name === score.name)));
      const found = contender.scores.find((one) => one.name === score.name);
      if (!found) return [];
      const color = COLORS[Math.min(index, COLORS.length - 1)];
      return [h("div", {}, h("span", { style: index ? {} : { "font-weight": "600" } }, contender.title), track(found, color, contender.title, scale), h("span", { class: "at-numbers" }, withInterval(found)))];
    }),
  ]);
  const seconds = report.baselines.filter((one) => one.explanation);
  return card(heading, hint,
    h("div", { class: "at-scale" }, rows),
    seconds.length ? h("p", { class: "at-quiet", style: { "margin-top": "14px", "font-size": "14px" } }, seconds.map((one) => `${one.title}: ${one.explanation} `)) : null,
    advice(report), report.notes.map((note) => h("div", { class: "at-notice at-warn", style: { "margin-top": "10px" } }, h("p", {}, note))));
}

// What to do when fine-tuning was not worth it: said plainly, because the figures alone do not say it.
function advice(report) {
  const [best] = report.scores;
  const rivals = report.baselines.flatMap((one) => one.scores.filter((score) => score.name === best.name).map((score) => score.value));
  if (best.low === null || !rivals.length) return null;
  const rival = rivals.reduce((one, other) => (better(best, one, other) ? one : other));
  const [worstEnd, bestEnd] = best.higher_is_better ? [best.low, best.high] : [best.high, best.low];
  if (better(best, worstEnd, rival) || (best.unit === "share" && rival > 0.99)) return null;
  return h("div", { class: "at-notice", style: { "margin-top": "10px" } }, h("p", {}, better(best, rival, bestEnd) ? "Fine-tuning did worse than the best baseline. " : "Fine-tuning is not clearly ahead of the best baseline. ", "Longer training, more rows, or mended rows among the mistakes below may change that."),
    h("a", { class: "at-button at-small", href: "/" }, "New run"));
}

function track(score, color, who, [from, to]) {
  const along = (value) => Math.max(0, Math.min(1, (value - from) / (to - from)));
  const place = (value) => `${along(value) * 100}%`;
  const parts = [];
  if (score.low !== null) parts.push(h("i", { class: "at-whisker", style: { left: place(score.low), width: `${(along(score.high) - along(score.low)) * 100}%` } }));
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

export function perClass(report) {
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

// How good vectors are of which only the first numbers are kept.
function shortened(report) {
  const head = ["First numbers", report.scores[0].title, "Base model"].map((name) => h("th", { scope: "col" }, name));
  const rows = report.shortened.map((one) => h("tr", {}, h("th", { scope: "row" }, count(one.size)), [one.score, one.untouched].map((score) => h("td", { class: "at-number" }, withInterval(score)))));
  return card("Shorter vectors", "Keep only the first numbers of each vector and it takes less room: this is what is lost.", h("div", { class: "at-scroll", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows))));
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

const whole = (text, cut) => (cut ? [text, h("small", { class: "at-cut", title: "It reached the longest answer before its own end" }, " … cut off")] : text);

// The rows of a report beside each other: what was read, what is right, what it says, and what the base model says.
export function rowsTable(list, { heading = true } = {}) {
  const many = Object.keys(list[0].inputs).length > 1;
  const text = (inputs) => Object.entries(inputs).map(([role, value]) => (many ? `${role}: ${value}` : value)).join("\n");
  const sure = list.some((row) => row.confidence !== null);
  const scored = list.some((row) => row.score !== null);
  const untouched = list.some((row) => row.untouched !== null);
  const columns = [
    ["Row", (row) => count(row.row), "at-number"], ["Text", (row) => text(row.inputs), "at-text"], ["Your data", (row) => row.expected, ""], ["It says", (row) => whole(row.predicted, row.cut_off), ""],
    ...(untouched ? [["Base model says", (row) => whole(row.untouched ?? "–", row.untouched_cut_off), "at-quiet"]] : []),
    ...(scored ? [["Score", (row) => (row.score === null ? "–" : plain(row.score)), "at-number"]] : []),
    ...(sure ? [["Sure", (row) => (row.confidence === null ? "–" : percent(row.confidence, 0)), "at-number"]] : []),
  ];
  return h("div", { class: "at-scroll" }, h("table", { class: untouched ? "at-mistakes at-written-rows" : "at-mistakes" },
    heading ? h("thead", {}, h("tr", {}, columns.map(([name, , kind]) => h("th", { scope: "col", class: kind === "at-number" ? kind : "" }, name)))) : null,
    h("tbody", {}, list.map((row) => h("tr", {}, columns.map(([name, cell, kind]) => h("td", { class: kind, dir: "auto", ...(name === "Text" ? {} : { "data-title": name }) }, cell(row))))))));
}

export function mistakes(report) {
  const sure = report.mistakes.some((row) => row.confidence !== null);
  return card("Its worst mistakes", `${sure ? "Where it was most sure and wrong. " : ""}Look here first: such rows often have a mistake of their own. Row numbers are those of your file, as a spreadsheet shows them.`, rowsTable(report.mistakes));
}

function examples(report) {
  return card("Some of its answers", "Rows of the test split, beside what your data says.", rowsTable(report.examples));
}
