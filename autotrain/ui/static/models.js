// Models: what is on this machine, what can be added by name, what the Hub has.

import { addableRow, underWay } from "./adding.js";
import { api, ask, busy, bytes, dress, h, patch, problem, Refusal } from "./core.js";
import { facts } from "./new-model.js";

export async function mount(element) {
  await dress(element, import.meta.url);
  await new ModelsPage(element).start();
}

class ModelsPage {
  constructor(root) {
    Object.assign(this, { root, turn: 0 });
    this.search = h("input", { class: "at-input at-search", type: "search", placeholder: "Search here and on the Hub", "aria-label": "Search models", oninput: () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.list(), 250); } });
    this.here = h("div", { class: "at-rowlist" });
    this.more = h("div", { class: "at-rowlist" });
    this.note = h("p", { class: "at-small-text", role: "status" });
    this.root.replaceChildren(h("div", { class: "at-stack" },
      h("div", { class: "at-spread" }, h("h1", {}, "Models"), this.search),
      h("section", { class: "at-card" }, h("h2", {}, "Base models"), this.here, this.note),
      h("section", { class: "at-card" }, h("h2", {}, "Add by name"), h("p", { class: "at-hint" }, "Fetched once and made ready on this machine; from the Hub, or without it from a Python package."), this.more)));
  }

  async start() { await Promise.all([this.list(), this.addable()]); }

  async list() {
    const turn = ++this.turn;
    const search = this.search.value.trim();
    try {
      if (search.length > 1) this.note.textContent = "Looking on the Hub…";
      const ask = (hub) => api(`/models?search=${encodeURIComponent(search)}&hub=${hub}`);
      const quick = await ask(false);
      if (turn !== this.turn) return;
      this.show(quick.models);
      const far = search.length > 1 ? await ask(true) : quick;
      if (turn !== this.turn) return;
      this.show(far.models);
      this.note.textContent = far.note || "";
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.here.replaceChildren(problem(error.message));
    }
  }

  show(models) {
    patch(this.here, models, () => (models.length ? models.map((one) => h("div", { "data-model": one.id },
      h("div", {}, h("b", {}, one.title), h("span", { class: "at-chips" }, facts(one)), one.fit_sentence ? h("p", { class: "at-small-text" }, one.fit_sentence) : null, one.reason ? h("p", { class: "at-quiet" }, one.reason) : null),
      one.removable ? h("button", { type: "button", class: "at-button at-small", onclick: (event) => this.remove(event.currentTarget, one) }, "Remove") : null)) : h("p", { class: "at-quiet" }, "Nothing by this name on this machine.")));
  }

  async addable() {
    clearTimeout(this.asking);
    let list;
    try { list = await api("/models/addable"); } catch (error) { if (!(error instanceof Refusal)) throw error; return; }
    const working = list.some(underWay);
    patch(this.more, list, () => list.map((one) => addableRow(this.root, one, () => this.addable())));
    if (this.worked && !working) this.list();
    this.worked = working;
    if (working) this.asking = setTimeout(() => this.addable(), 800);
  }

  async remove(button, model) {
    const sure = await ask(this.root, { heading: `Remove ${model.title}?`, text: `Its weights (${bytes(model.size_bytes)}) are deleted from this machine. Adapters trained on it need it to answer.`, confirm: "Remove", danger: true, refuse: "Keep" });
    if (!sure) return;
    await busy(this.root, button, () => api(`/models/${encodeURIComponent(model.id)}`, { method: "DELETE" }));
    await this.start();
  }
}
