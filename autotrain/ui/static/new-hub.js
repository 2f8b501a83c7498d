// A dataset of the Hub: found by name, looked at, and imported in one part or whole.

import { api, count, h, problem, Refusal } from "./core.js";

const WHOLE = "";

export class HubData {
  constructor(step) {
    Object.assign(this, { step, turn: 0 });
    this.search = h("input", { class: "at-input", type: "search", placeholder: "Search, or type owner/name", "aria-label": "Dataset of the Hub", spellcheck: "false", autocomplete: "off", oninput: () => this.typed(), onkeydown: (event) => event.key === "Enter" && this.search.value.trim() && this.choose(this.search.value.trim()) });
    this.found = h("div", { class: "at-stack-small", "aria-live": "polite" });
    this.chosen = h("div", { class: "at-stack-small", "aria-live": "polite" });
    this.element = h("details", { class: "at-more" }, h("summary", {}, "Take a dataset of the Hugging Face Hub"), h("div", { class: "at-stack-small" }, this.search, this.found, this.chosen));
  }

  typed() {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    const query = this.search.value.trim();
    this.chosen.replaceChildren();
    if (query.length < 2) { this.found.replaceChildren(); return; }
    this.found.replaceChildren(h("p", { class: "at-quiet" }, "Looking on the Hub…"));
    this.timer = setTimeout(() => this.look(turn, query), 300);
  }

  async look(turn, query) {
    let list = [];
    let note = null;
    try {
      list = await api(`/hub/datasets?query=${encodeURIComponent(query)}`);
      note = list.length ? null : "The Hub knows no dataset of this name.";
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      note = error.message;
    }
    if (turn !== this.turn) return;
    const shown = list.slice(0, 8).map((one) => this.option(one.id, [h("b", {}, one.id), h("span", { class: "at-chips" }, chip(`${count(one.downloads)} downloads`), chip(one.license || "licence unknown"), one.gated ? h("span", { class: "at-badge at-tone-wait" }, "gated") : null)]));
    const typed = query.includes("/") && !list.some((one) => one.id === query) ? this.option(query, [h("b", {}, `Use “${query}”`)]) : null;
    this.found.replaceChildren(h("div", { class: "at-samples" }, shown, typed), note ? h("p", { class: "at-small-text" }, note) : "");
  }

  option(id, content) {
    return h("button", { type: "button", class: "at-option", "data-hub": id, onclick: () => this.choose(id) }, content);
  }

  choose(name) {
    this.turn += 1;
    clearTimeout(this.timer);
    this.found.replaceChildren();
    this.search.value = name;
    this.open({ name });
  }

  // What can be chosen of it; asked again when the revision or the configuration is another.
  async open(asked) {
    const turn = ++this.turn;
    this.chosen.replaceChildren(h("p", { class: "at-quiet" }, `Looking at ${asked.name}…`));
    try {
      const choices = await api("/hub/datasets/choices", { method: "POST", json: asked });
      if (turn === this.turn) this.show(asked, choices);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (turn !== this.turn) return;
      const back = asked.revision || asked.config ? h("button", { type: "button", class: "at-button at-small", onclick: () => this.open({ name: asked.name }) }, "Back to the newest revision") : null;
      this.chosen.replaceChildren(problem(error.message, back));
    }
  }

  show(asked, choices) {
    const picked = () => ({ ...asked, config: choices.config, split: split.value || null });
    const config = select("Configuration", choices.configs.map((name) => [name, name]), choices.config, () => this.open({ ...asked, config: config.value }));
    const rows = (one) => (one.rows ? `${one.name} (${count(one.rows)} rows)` : one.name);
    const whole = choices.splits.length > 1 ? [[WHOLE, `All ${choices.splits.length} splits, each kept as it is`]] : [];
    const split = select("Split", [...whole, ...choices.splits.map((one) => [one.name, rows(one)])], whole.length ? WHOLE : choices.splits[0].name, () => this.peek(picked(), sheet));
    const revision = h("input", { class: "at-input", value: asked.revision || "", placeholder: "The newest", "aria-label": "Revision", spellcheck: "false", onchange: () => this.open({ name: asked.name, revision: revision.value.trim() || null }) });
    const sheet = h("div", {});
    const field = (name, input) => h("label", { class: "at-field" }, h("span", {}, name), input);
    this.chosen.replaceChildren(
      h("div", { class: "at-fields" }, choices.configs.length > 1 ? field("Configuration", config) : null, field("Split", split), field("Revision: a branch, tag or commit", revision)),
      sheet,
      h("div", { class: "at-actions" }, h("button", { type: "button", class: "at-button at-primary", onclick: () => this.use(picked()) }, "Use this dataset"),
        h("span", { class: "at-small-text" }, `Commit ${choices.revision.slice(0, 8)}. It is copied to this machine; its licence is yours to keep.`)));
    this.peek(picked(), sheet);
  }

  async peek(picked, sheet) {
    sheet.replaceChildren(h("p", { class: "at-quiet" }, "Fetching the first rows…"));
    try {
      const found = await api("/hub/datasets/rows", { method: "POST", json: picked });
      sheet.replaceChildren(h("div", { class: "at-scroll at-sheet", tabindex: "0", "aria-label": "First rows of the dataset" }, h("table", {},
        h("thead", {}, h("tr", {}, found.columns.map((name) => h("th", { scope: "col" }, h("span", { class: "at-column-name" }, name))))),
        h("tbody", {}, found.rows.slice(0, 5).map((row) => h("tr", {}, row.map((cell) => h("td", { dir: "auto" }, h("span", {}, cell)))))))));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      sheet.replaceChildren(problem(error.message));
    }
  }

  use(picked) {
    this.step.take(`Fetching ${picked.name}…`, async (key) => {
      this.step.follow(key, `Fetching ${picked.name}…`);
      return this.step.open(await api(`/datasets/hub?key=${key}`, { method: "POST", json: picked }));
    });
  }
}

const chip = (text) => h("span", { class: "at-chip" }, text);

const select = (name, options, value, onchange) => h("select", { class: "at-input", "aria-label": name, onchange }, options.map(([key, text]) => h("option", { value: key, ...(key === value ? { selected: true } : {}) }, text)));
