// A closer look at the rows, when somebody asks for it: what is odd, which languages, how long the texts are.

import { api, count, h, problem, Refusal } from "./core.js";
import { findings } from "./new-run.js";

export class Insights {
  constructor(page) {
    this.page = page;
    this.body = h("div", { class: "at-stack-small", "aria-live": "polite" });
    this.element = h("details", { class: "at-more", ontoggle: () => this.element.open && this.load() }, h("summary", {}, "Look deeper: languages, leakage, odd texts"), this.body);
  }

  show() {
    const { draft } = this.page;
    const key = JSON.stringify([draft.dataset, draft.columns, draft.steps, draft.model]);
    if (key === this.key) return;
    this.key = key;
    if (this.element.open) this.load();
  }

  async load() {
    if (this.loaded === this.key) return;
    const asked = this.key;
    this.loaded = asked;
    this.body.replaceChildren(h("p", { class: "at-quiet" }, "Looking…"));
    try {
      const found = await api("/drafts/insights", { method: "POST", json: this.page.question() });
      if (asked !== this.key) return;
      const parts = [findings(found.findings, (fix) => this.page.mend(fix)), found.languages.map(languages), found.histograms.map(histogram)].flat(2).filter(Boolean);
      this.body.replaceChildren(...(parts.length ? parts : [h("p", { class: "at-quiet" }, "Nothing odd was found.")]), new WrongLabels(this.page).element);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.loaded = null;
      this.body.replaceChildren(problem(error.message));
    }
  }
}

// Labels that are probably wrong. A quick model found them and may err, so a person chooses which rows to change.
class WrongLabels {
  constructor(page) {
    this.page = page;
    this.button = h("button", { type: "button", class: "at-button at-small", onclick: () => this.look() }, "Look for wrong labels");
    this.body = h("div", { class: "at-stack-small", "aria-live": "polite" });
    this.element = h("section", { class: "at-stack-small" }, h("h3", {}, "Wrong labels"),
      h("p", { class: "at-small-text" }, "A quick model reads up to 2,000 rows and names those whose label it doubts. It takes up to a minute."), h("div", {}, this.button), this.body);
  }

  async look() {
    this.button.disabled = true;
    this.body.replaceChildren(h("p", { class: "at-quiet" }, "Reading the texts…"));
    try {
      this.show(await api("/drafts/label-errors", { method: "POST", json: this.page.question() }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.body.replaceChildren(problem(error.message));
    }
    this.button.disabled = false;
  }

  show(found) {
    const judged = `${count(found.judged)} ${found.judged < found.of ? `of ${count(found.of)} ` : ""}rows`;
    if (!found.errors.length) { this.body.replaceChildren(h("p", { class: "at-quiet" }, `No label is doubted in ${judged}.`)); return; }
    const boxes = found.errors.map((one) => h("input", { type: "checkbox", "aria-label": `Choose row ${one.row}`, onchange: () => this.count() }));
    const all = h("input", { type: "checkbox", "aria-label": "Choose all rows", onchange: () => { for (const box of boxes) box.checked = all.checked; this.count(); } });
    const chosen = () => found.errors.filter((_, place) => boxes[place].checked);
    const label = found.findings[0].column;
    this.relabel = h("button", { type: "button", class: "at-button at-small at-primary", onclick: () => this.page.mend({ step: { step: "relabel", column: label, labels: Object.fromEntries(chosen().map((one) => [one.row, one.suggested])) } }) });
    this.drop = h("button", { type: "button", class: "at-button at-small", onclick: () => this.page.mend({ step: { step: "drop_rows", rows: chosen().map((one) => one.row).sort((a, b) => a - b) } }) });
    this.count = () => {
      const size = chosen().length;
      for (const [button, words] of [[this.relabel, "Use the suggested label"], [this.drop, "Leave out"]]) { button.disabled = !size; button.textContent = size ? `${words} (${count(size)})` : words; }
    };
    this.count();
    const rows = found.errors.map((one, place) => h("tr", {}, h("td", {}, boxes[place]), h("td", { class: "at-numbers" }, count(one.row)), h("td", { dir: "auto" }, h("span", {}, one.text.slice(0, 300))), h("td", { dir: "auto" }, one.given), h("td", { dir: "auto" }, h("b", {}, one.suggested)), h("td", { class: "at-numbers" }, `${(100 * one.confidence).toFixed(0)} %`)));
    this.body.replaceChildren(
      h("p", {}, `${count(found.errors.length)} ${found.errors.length === 1 ? "label is" : "labels are"} doubted in ${judged}, the most doubtful first. Read them: the quick model may be wrong too.`),
      h("div", { class: "at-scroll at-sheet at-doubted", tabindex: "0", "aria-label": "Doubted labels" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, all), ["Row", "Text", "Label", "Suggested", "Sure"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows))),
      h("div", { class: "at-actions" }, this.relabel, this.drop));
  }
}

const bars = (title, rows) => h("div", {}, h("h3", {}, title), h("div", { class: "at-balance" }, rows.map(([name, share, text]) => [h("span", { class: "at-balance-name" }, name), h("div", { class: "at-bar" }, h("i", { style: { width: `${100 * share}%` } })), h("span", { class: "at-numbers" }, text)])));

const languages = (mix) => (mix.shares.length ? bars(`Languages of “${mix.column}”`, mix.shares.slice(0, 8).map((one) => [one.name || one.language || one.code, one.share, `${(100 * one.share).toFixed(0)} %`])) : null);

const histogram = (one) => {
  const most = Math.max(...one.bins.map((bin) => bin.count), 1);
  const filled = one.bins.map((bin, place) => (bin.count ? place : -1)).filter((place) => place >= 0);
  const shown = one.bins.slice(filled[0] || 0, (filled[filled.length - 1] || 0) + 1);
  return bars(`Lengths of “${one.column}” in ${one.unit}`, shown.map((bin) => [bin.high === null ? `${count(bin.low)} and more` : `${count(bin.low)} to ${count(bin.high - 1)}`, bin.count / most, count(bin.count)]));
};
