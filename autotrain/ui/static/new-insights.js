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
      this.body.replaceChildren(...(parts.length ? parts : [h("p", { class: "at-quiet" }, "Nothing odd was found.")]));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.loaded = null;
      this.body.replaceChildren(problem(error.message));
    }
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
