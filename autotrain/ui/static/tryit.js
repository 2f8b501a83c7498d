// Ask the tuned adapter: inputs made from its task, one at a time or a whole file; base beside tuned where both can answer.
import { api, count, h, problem, Refusal } from "./core.js";
import { answerView } from "./answers.js";
import { Batch } from "./batch.js";
import { Chat } from "./chat.js";
import { sampling, streamed } from "./generation.js";

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

  async build() {
    this.built = true;
    try {
      this.playground = await api(`/runs/${this.page.id}/playground`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.element.replaceChildren(problem(error.message));
      return;
    }
    const { report } = this.page;
    const samples = [...new Map([...report.examples, ...report.mistakes].map((one) => [one.row, one])).values()];
    const batch = new Batch(this.page, this.playground).element;
    if (this.playground.generates && this.playground.asks.some((one) => one.kind === "messages")) {
      this.chat = new Chat(this.page, this.playground);
      this.element.replaceChildren(this.chat.element, ...(samples.length ? [this.samples(samples, (sample) => this.chat.use(sample))] : []), batch);
      return;
    }
    this.element.replaceChildren(this.form(), ...(samples.length ? [this.samples(samples, (sample) => this.use(sample))] : []), batch);
  }

  form() {
    this.fields = this.playground.asks.map((one) => h("label", { class: "at-field" }, h("span", {}, one.title, one.required ? "" : h("small", { class: "at-quiet" }, " (optional)")), h("textarea", {
      class: "at-input", name: one.role, rows: one.role === "context" || one.role === "texts" || one.role === "passages" || one.role === "answers" ? "7" : "4", placeholder: one.help || "Type or paste a text", dir: "auto",
      onkeydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.ask(); },
    })));
    this.answer = h("div", { "aria-live": "polite", style: { "min-height": "150px" } }, h("p", { class: "at-quiet" }, "The answer appears here. The first one takes a few seconds, while the model loads."));
    this.button = h("button", { type: "submit", class: "at-button at-primary" }, this.playground.verb);
    this.settings = this.playground.generates ? sampling(this.playground) : null;
    const form = h("form", { class: "at-stack", onsubmit: (event) => { event.preventDefault(); this.ask(); } },
      this.fields, this.settings && this.settings.element, h("div", { class: "at-actions" }, this.button, h("span", { class: "at-quiet", style: { "font-size": "13px" } }, "or Ctrl + Enter")));
    return h("div", { class: "at-two at-even" },
      h("div", { class: "at-card" }, h("h2", {}, "Try it"), form),
      h("div", { class: "at-card" }, h("h2", {}, "What it says"), this.answer));
  }

  samples(samples, use) {
    return h("div", { class: "at-card" }, h("h2", {}, "Rows from the test split"), h("p", { class: "at-hint" }, "It never saw them in training. Press one to ask."),
      h("div", { class: "at-examples" }, samples.slice(0, 24).map((sample) => h("button", { type: "button", onclick: () => use(sample) },
        h("span", { dir: "auto" }, Object.values(sample.inputs).join(" · ")), h("small", { dir: "auto" }, `row ${count(sample.row)} · your data: ${sample.expected}`)))));
  }

  use(sample) {
    for (const field of this.fields) field.lastChild.value = sample.inputs[field.lastChild.name] || "";
    this.ask(sample.expected);
  }

  async ask(expected = null) {
    const inputs = Object.fromEntries(this.fields.map((field) => [field.lastChild.name, field.lastChild.value]));
    if (!Object.values(inputs).some((text) => text.trim())) { this.fields[0].lastChild.focus(); return; }
    const turn = (this.asked += 1);
    this.button.classList.add("at-busy");
    try {
      if (this.settings) await this.write(inputs, expected, turn);
      else {
        const { predictions } = await api(`/runs/${this.page.id}/predict`, { method: "POST", json: { inputs: [inputs] } });
        if (turn === this.asked) this.answer.replaceChildren(...answerView(predictions[0], inputs, expected));
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (turn === this.asked) this.answer.replaceChildren(problem(error.message));
    } finally {
      if (turn === this.asked) this.button.classList.remove("at-busy");
    }
  }

  // The tuned one first, then the base: one process answers both, one after the other.
  async write(inputs, expected, turn) {
    const wanted = this.settings.value();
    const sides = [["Tuned", false], ...(wanted.both ? [["Base model, without the adapter", true]] : [])];
    const places = sides.map(([name, untouched]) => ({ name, said: h("p", { class: "at-written", dir: "auto" }), note: h("div", {}, h("p", { class: "at-quiet" }, untouched ? "After the tuned one…" : this.loaded ? "Writing…" : "The model loads; the first answer takes a few seconds…")) }));
    this.answer.replaceChildren(...places.map(({ name, said, note }) => h("div", { class: "at-side" }, sides.length > 1 ? h("h3", {}, name) : null, said, note)));
    for (const [index, [, untouched]] of sides.entries()) {
      const place = places[index];
      const answer = await streamed(this.page.id, { inputs: [inputs], sampling: wanted.sampling, untouched }, (piece) => {
        if (turn !== this.asked) return;
        if (!place.said.textContent) place.note.replaceChildren();
        place.said.textContent += piece;
      });
      if (turn !== this.asked) return;
      this.loaded = true;
      place.said.remove();
      place.note.replaceChildren(...answerView(answer, inputs, untouched ? null : expected));
    }
  }
}
