// Ask the tuned adapter: one text at a time, or a whole file.
import { api, bytes, count, h, percent, problem, progressBar, Refusal } from "./core.js";
import { TABLES } from "./new-data.js";

const SHOWN = 6;

export class TryIt {
  constructor(page) {
    this.page = page;
    this.element = h("section", { class: "at-stack" });
    this.built = false;
    this.asked = 0;
  }

  update() {
    const ready = this.page.run.state === "succeeded";
    if (!ready && !this.waiting) {
      this.waiting = true;
      this.element.replaceChildren(h("div", { class: "at-card at-empty" }, h("p", {}, "When the run is finished, try the adapter here on texts of your own.")));
    }
    if (ready && !this.built && this.page.report) this.build();
  }

  build() {
    this.built = true;
    const { report } = this.page;
    const samples = [...new Map([...report.examples, ...report.mistakes].map((one) => [one.row, one])).values()];
    const roles = samples.length ? Object.keys(samples[0].inputs) : ["text"];
    this.fields = roles.map((role) => h("label", { class: "at-field" }, h("span", {}, role[0].toUpperCase() + role.slice(1)), h("textarea", {
      class: "at-input", name: role, rows: "4", placeholder: "Type or paste a text",
      onkeydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.ask(); },
    })));
    this.answer = h("div", { "aria-live": "polite", style: { "min-height": "150px" } }, h("p", { class: "at-quiet" }, "The answer appears here. The first one takes a few seconds, while the model loads."));
    this.button = h("button", { type: "submit", class: "at-button at-primary" }, "Classify");
    const form = h("form", { class: "at-stack", onsubmit: (event) => { event.preventDefault(); this.ask(); } },
      this.fields, h("div", { class: "at-actions" }, this.button, h("span", { class: "at-quiet", style: { "font-size": "13px" } }, "or Ctrl + Enter")));
    this.element.replaceChildren(
      h("div", { class: "at-two at-even" },
        h("div", { class: "at-card" }, h("h2", {}, "Try a text"), form),
        h("div", { class: "at-card" }, h("h2", {}, "What it says"), this.answer)),
      ...(samples.length ? [this.samples(samples)] : []), new Batch(this.page).element);
  }

  samples(samples) {
    const use = (sample) => {
      for (const field of this.fields) field.lastChild.value = sample.inputs[field.lastChild.name] || "";
      this.ask(sample.expected);
    };
    return h("div", { class: "at-card" }, h("h2", {}, "Rows from the test split"), h("p", { class: "at-hint" }, "It never saw them in training. Press one to ask."),
      h("div", { class: "at-examples" }, samples.slice(0, 24).map((sample) => h("button", { type: "button", onclick: () => use(sample) },
        h("span", {}, Object.values(sample.inputs).join(" · ")), h("small", {}, `row ${count(sample.row)} · your label: ${sample.expected}`)))));
  }

  async ask(expected = null) {
    const inputs = Object.fromEntries(this.fields.map((field) => [field.lastChild.name, field.lastChild.value]));
    if (!Object.values(inputs).some((text) => text.trim())) { this.fields[0].lastChild.focus(); return; }
    const turn = (this.asked += 1);
    this.button.classList.add("at-busy");
    try {
      const { predictions } = await api(`/runs/${this.page.id}/predict`, { method: "POST", json: { inputs: [inputs] } });
      if (turn === this.asked) this.show(predictions[0], expected);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (turn === this.asked) this.answer.replaceChildren(problem(error.message));
    } finally {
      if (turn === this.asked) this.button.classList.remove("at-busy");
    }
  }

  show(scores, expected) {
    const sorted = Object.entries(scores).sort((a, b) => b[1] - a[1]);
    const rows = (part, from) => part.flatMap(([label, value], index) => {
      const bar = progressBar(value, label);
      if (index + from) bar.classList.add("at-rest");
      return [h("span", { style: index + from ? {} : { "font-weight": "650" } }, label), bar, h("span", { class: "at-numbers" }, percent(value))];
    });
    const bars = h("div", { class: "at-bars" }, rows(sorted.slice(0, SHOWN), 0));
    const rest = sorted.slice(SHOWN);
    const more = rest.length ? h("button", { type: "button", class: "at-button at-small", style: { "margin-top": "12px" }, onclick: () => { bars.append(...rows(rest, SHOWN)); more.remove(); } }, `Show all ${sorted.length}`) : null;
    const right = expected === null ? null : h("p", { class: "at-quiet", style: { "margin-bottom": "10px" } }, `Your label: ${expected}${expected === sorted[0][0] ? ", and it agrees." : ". It disagrees."}`);
    this.answer.replaceChildren(...[right, bars, more].filter(Boolean));
  }
}

class Batch {
  constructor(page) {
    this.page = page;
    this.input = h("input", { type: "file", accept: TABLES, class: "at-visually-hidden", tabindex: "-1", "aria-label": "A file to classify", onchange: () => this.send(this.input.files[0]) });
    this.drop = h("div", { class: "at-drop" }, h("span", {}, "Drop a table here: every row is classified, and you get it back as a CSV with the predictions added."),
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
    }, selects.map((select, index) => h("label", { class: "at-field" }, h("span", {}, `Which column of ${file.name} is the ${batch.roles[index]}?`), select)),
    h("button", { class: "at-button at-primary", style: { "justify-self": "start" } }, "Classify the file")));
  }

  async follow(batch, file) {
    const words = h("p", { class: "at-number", style: { "font-variant-numeric": "tabular-nums" } });
    const bar = progressBar(0, "Classifying");
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
