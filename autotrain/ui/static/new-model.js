// Step 2: one searchable list: this machine's models at once, the Hub's as one types, or any folder or Hub id.

import { addableRow, underWay } from "./adding.js";
import { api, bytes, count, h, patch, Refusal } from "./core.js";
import { badge, findings, step } from "./new-run.js";

const SOURCES = { starter: "starter", added: "added", folder: "folder", cache: "downloaded before", hub: "on the Hub" };

export class ModelStep {
  constructor(page) {
    Object.assign(this, { page, options: [], active: -1, turn: 0 });
    this.input = h("input", {
      class: "at-input", role: "combobox", "aria-expanded": "false", "aria-controls": "model-options", "aria-autocomplete": "list", "aria-label": "Base model", autocomplete: "off", spellcheck: "false",
      placeholder: "Search a model, or type a folder or a Hub id", onfocus: () => this.open(), onclick: () => this.open(), oninput: () => this.typed(), onkeydown: (event) => this.key(event), onblur: () => setTimeout(() => this.close(), 150),
    });
    this.list = h("div", { class: "at-options", id: "model-options", role: "listbox", hidden: true, onmousedown: (event) => event.preventDefault() });
    this.card = h("div", { "aria-live": "polite" });
    this.adding = h("div", { class: "at-rowlist" });
    this.element = step("2", "Model", "The model that learns from your data. It is not changed itself: what it learns is a small adapter beside it.", h("div", { class: "at-combo" }, this.input, this.list), this.adding, this.card);
    this.addable();
  }

  // What the chosen model needs before it is here: one press, where it can be added by name.
  async addable() {
    clearTimeout(this.asking);
    const before = this.offered;
    try { this.offered = await api("/models/addable"); } catch (error) { if (!(error instanceof Refusal)) throw error; return; }
    if (this.offered.some(underWay)) this.asking = setTimeout(() => this.addable(), 800);
    const come = (before || []).some((one) => !one.here && this.offered.find((now) => now.name === one.name).here);
    if (come) { await this.page.loadModels(); this.page.change({}); }
    else if (this.page.summary) this.page.show();
  }

  // The chosen model, when it is not here yet but can be added by name; in a list of none or one.
  get absent() { return (this.offered || []).filter((one) => one.name === this.page.draft.model && !one.here); }

  point() { (this.adding.querySelector("button") || this.input).focus({ preventScroll: true }); }

  show() {
    const { draft, judged, models } = this.page;
    const known = models.find((one) => one.id === draft.model);
    if (document.activeElement !== this.input) this.input.value = known ? known.title : draft.model;
    const found = judged ? judged.model_findings : [];
    const cost = judged && judged.cost;
    const { absent } = this;
    patch(this.adding, absent, () => absent.map((one) => addableRow(this.page.root, one, () => this.addable())));
    patch(this.card, { known: known || draft.model, found, cost, absent: absent.length }, () => [
      known ? h("div", { class: "at-model-card" },
        h("div", { class: "at-chips" }, facts(known, cost)), h("p", {}, (cost && draft.dataset && cost.sentence) || known.fit_sentence),
        known.reason && known.suits !== false ? h("p", { class: "at-quiet" }, known.reason) : null) : draft.model && !absent.length ? h("p", { class: "at-quiet at-model-card" }, `${draft.model} is fetched from the Hub, or read from this folder, when the run starts.`) : null,
      cost && cost.truncated > 0.005 ? h("p", { class: "at-quiet at-step-note" }, `About ${(cost.truncated * 100).toFixed(1)} % of the texts are longer than the model will read; their ends are cut off.`) : null,
      absent.length ? null : findings(found)]);
  }

  open() {
    if (!this.list.hidden) return;
    this.input.select();
    this.query = "";
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.fill(this.page.models, null);
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    clearTimeout(this.timer);
    this.turn += 1;
    this.show();
  }

  typed() {
    this.list.hidden = false;
    this.query = this.input.value.trim();
    const words = this.query.toLowerCase().split(/\s+/);
    const here = this.page.models.filter((one) => one.source !== "hub" && words.every((word) => `${one.id} ${one.title}`.toLowerCase().includes(word)));
    clearTimeout(this.timer);
    const turn = ++this.turn;
    const far = this.query.length > 1 && !/^[./~]/.test(this.query);
    this.fill(here, far ? "Looking on the Hub…" : null);
    if (far) this.timer = setTimeout(() => this.ask(turn, here), 250);
  }

  async ask(turn, here) {
    let found = here;
    let note = null;
    try {
      const answer = await api(`/models?hub=true&task=${encodeURIComponent(this.page.draft.task)}&search=${encodeURIComponent(this.query)}`);
      found = answer.models;
      note = answer.note || (found.some((one) => one.source === "hub") ? null : "The Hub knows no model of this name that can be loaded safely.");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      note = error.message;
    }
    if (turn === this.turn) this.fill(found, note);
  }

  fill(models, note) {
    this.options = models.map((one) => ({ id: one.id, one }));
    const typed = this.query;
    if (typed && !models.some((one) => one.id === typed)) this.options.push({ id: typed });
    this.active = -1;
    this.options.sort((a, b) => Boolean(a.one && !a.one.suits) - Boolean(b.one && !b.one.suits));
    this.list.replaceChildren(...this.options.map((option, at) => h("div", { role: "option", id: `model-option-${at}`, "aria-selected": String(option.id === this.page.draft.model), class: "at-model-option", onclick: () => this.choose(option) },
      option.one ? [h("b", {}, option.one.title), h("span", { class: "at-chips" }, facts(option.one))] : [h("b", {}, `Use “${option.id}”`), h("span", { class: "at-small-text" }, "as a folder on this machine or a Hub id")])),
    ...(note ? [h("p", { class: "at-small-text at-options-note", role: "status" }, note)] : []));
  }

  choose(option) {
    if (option.one && !this.page.models.some((known) => known.id === option.id)) this.page.models.push(option.one);
    this.input.blur();
    this.list.hidden = true;
    this.page.change({ model: option.id });
  }

  key(event) {
    if (event.key === "Escape") { this.input.blur(); return; }
    if (event.key === "Enter") {
      event.preventDefault();
      const option = this.options[this.active] || this.options.find((one) => one.id === this.query) || (this.query ? { id: this.query } : null);
      if (option) this.choose(option);
      return;
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (this.list.hidden) this.open();
    this.active = (this.active + (event.key === "ArrowDown" ? 1 : -1) + this.options.length) % Math.max(this.options.length, 1);
    [...this.list.querySelectorAll("[role=option]")].forEach((item, at) => { item.classList.toggle("at-active", at === this.active); if (at === this.active) item.scrollIntoView({ block: "nearest" }); });
    this.input.setAttribute("aria-activedescendant", `model-option-${this.active}`);
  }
}

export const parameters = (number) => (!number ? null : number >= 1e9 ? `${(number / 1e9).toFixed(1)} B parameters` : `${count(number / 1e6)} M parameters`);

export function facts(one, cost = null) {
  const chip = (text) => (text ? h("span", { class: "at-chip" }, text) : null);
  return [badge((cost && cost.fit) || one.fit), one.recommended ? h("span", { class: "at-badge at-tone-work at-still" }, "recommended") : one.suits === false ? h("span", { class: "at-badge at-tone-bad" }, "another kind of model") : null, chip(SOURCES[one.source]), chip(parameters(one.parameters)), chip(one.size_bytes ? bytes(one.size_bytes) : null), chip(one.license || (one.source === "hub" ? "licence unknown" : null)), one.gated ? h("span", { class: "at-badge at-tone-wait" }, "gated") : null];
}
