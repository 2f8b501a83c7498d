// A whole file through the adapter, in the background.
import { api, bytes, count, h, problem, progressBar, Refusal } from "./core.js";
import { TABLES } from "./new-data.js";

export class Batch {
  constructor(page, playground) {
    Object.assign(this, { page, playground });
    this.input = h("input", { type: "file", accept: TABLES, class: "at-visually-hidden", tabindex: "-1", "aria-label": "A file to answer", onchange: () => this.send(this.input.files[0]) });
    this.drop = h("div", { class: "at-drop" }, h("span", {}, "Drop a table here: every row is answered, and you get it back as a CSV with the answers added."),
      h("button", { type: "button", class: "at-button", onclick: () => this.input.click() }, "Choose a file"), this.input);
    this.drop.addEventListener("dragover", (event) => { event.preventDefault(); this.drop.classList.add("at-over"); });
    this.drop.addEventListener("dragleave", () => this.drop.classList.remove("at-over"));
    this.drop.addEventListener("drop", (event) => {
      event.preventDefault();
      this.drop.classList.remove("at-over");
      if (event.dataTransfer.files[0]) this.send(event.dataTransfer.files[0]);
    });
    this.state = h("div", { class: "at-stack", "aria-live": "polite" });
    this.element = h("div", { class: "at-card" }, h("h2", {}, "A whole file"), h("div", { class: "at-stack", style: { "margin-top": "10px" } }, this.drop, this.state));
  }

  async send(file) {
    if (!file) return;
    this.input.value = "";
    this.state.replaceChildren(h("p", {}, `Sending ${file.name} (${bytes(file.size)})…`), progressBar(null, "Sending"));
    try {
      let batch = await api(`/runs/${this.page.id}/batches?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
      if (batch.state === "needs columns") { this.choose(batch, file); return; }
      await this.follow(batch, file);
    } catch (error) { this.fail(error, file); }
  }

  choose(batch, file) {
    const selects = batch.roles.map((role) => h("select", { class: "at-input", name: role }, batch.columns.map((name) => h("option", { value: name }, name))));
    this.state.replaceChildren(h("form", {
      class: "at-stack",
      onsubmit: async (event) => {
        event.preventDefault();
        const columns = Object.fromEntries(selects.map((select) => [select.name, select.value]));
        try { await this.follow(await api(`/runs/${this.page.id}/batches/${batch.id}`, { method: "POST", json: { columns } }), file); } catch (error) { this.fail(error, file); }
      },
    }, selects.map((select, index) => h("label", { class: "at-field" }, h("span", {}, `Which column of ${file.name} is the ${this.titled(batch.roles[index])}?`), select)),
    h("button", { class: "at-button at-primary", style: { "justify-self": "start" } }, `${this.playground.verb} the file`)));
  }

  titled(role) { return (this.playground.asks.find((one) => one.role === role) || { title: role }).title.toLowerCase(); }

  async follow(batch, file) {
    const words = h("p", { class: "at-number", style: { "font-variant-numeric": "tabular-nums" } });
    const bar = progressBar(0, "Answering");
    this.state.replaceChildren(words, bar);
    let now = batch;
    while (now.state === "working") {
      words.textContent = now.total ? `${count(now.done)} of ${count(now.total)} rows` : "Loading the model…";
      bar.firstChild.style.width = `${now.total ? (100 * now.done) / now.total : 3}%`;
      await new Promise((resolve) => { setTimeout(resolve, 400); });
      now = await api(`/runs/${this.page.id}/batches/${batch.id}`);
    }
    if (now.state === "failed") { this.state.replaceChildren(problem(now.reason)); return; }
    this.state.replaceChildren(h("div", { class: "at-notice at-good" }, h("p", {}, `${file.name}: ${now.notes.join(" ") || `${count(now.total)} rows predicted.`}`),
      h("a", { class: "at-button at-primary", href: `/api/runs/${this.page.id}/batches/${batch.id}/file`, download: "" }, "Download the CSV")));
  }

  fail(error, file) {
    if (!(error instanceof Refusal)) throw error;
    this.state.replaceChildren(problem(error.message, h("button", { type: "button", class: "at-button at-small", onclick: () => this.send(file) }, "Try again")));
  }
}
