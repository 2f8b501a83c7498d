// A conversation with the tuned model, and beside it with the base, each with the memory of its own answers.
import { h, problem, Refusal } from "./core.js";
import { sampling, streamed } from "./generation.js";

export class Chat {
  constructor(page, playground) {
    Object.assign(this, { page, role: playground.asks.find((one) => one.kind === "messages").role, busy: false, stop: null });
    this.sides = [{ name: "Tuned", untouched: false }, { name: "Base model", untouched: true }].map((side) => ({ ...side, turns: [], list: h("div", { class: "at-turns", role: "log", "aria-label": side.name }) }));
    this.settings = sampling(playground, { system: true });
    this.input = h("textarea", { class: "at-input", rows: "2", dir: "auto", placeholder: "Say something. Enter sends, Shift + Enter is a new line.", "aria-label": "Message", onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); this.send(); } } });
    this.button = h("button", { type: "submit", class: "at-button at-primary" }, "Send");
    this.columns = h("div", { class: "at-chat-sides" }, this.sides.map((side) => h("div", { class: "at-chat-side" }, h("h3", {}, side.name), side.list)));
    this.said = h("div", { "aria-live": "polite" });
    this.element = h("div", { class: "at-card at-stack-small at-chat" }, h("h2", {}, "Talk to it"), this.columns, this.said,
      h("form", { class: "at-chat-form", onsubmit: (event) => { event.preventDefault(); if (this.stop) this.stop.abort(); else this.send(); } }, this.input,
        h("div", { class: "at-actions" }, this.button, h("button", { type: "button", class: "at-button", onclick: () => this.clear() }, "New conversation"))),
      this.settings.element);
    this.showSides();
    this.settings.element.addEventListener("change", () => this.showSides());
    this.clear();
  }

  showSides() { this.columns.lastChild.hidden = !this.settings.value().both; }

  clear() {
    if (this.stop) this.stop.abort();
    for (const side of this.sides) { side.turns = []; side.list.replaceChildren(h("p", { class: "at-quiet" }, "Nothing said yet. The first answer takes some seconds, while the model loads.")); }
    this.said.replaceChildren();
  }

  // A row of the test split starts a conversation of its own.
  use(sample) {
    this.clear();
    const text = Object.values(sample.inputs)[0] || "";
    this.send(text, sample.expected);
  }

  async send(text = this.input.value.trim(), expected = null) {
    if (!text || this.stop) return;
    this.input.value = "";
    const wanted = this.settings.value();
    const sides = this.sides.filter((side) => !side.untouched || wanted.both);
    this.said.replaceChildren(expected ? h("p", { class: "at-quiet", dir: "auto" }, `Your data answers: ${expected}`) : "");
    this.stop = new AbortController();
    this.button.textContent = "Stop";
    for (const side of sides) {
      if (!side.turns.length) side.list.replaceChildren();
      side.turns.push({ role: "user", content: text });
      side.list.append(bubble("user", text));
      side.place = bubble("assistant", "…");
      side.list.append(side.place);
      side.list.scrollTop = side.list.scrollHeight;
    }
    try {
      for (const side of sides) await this.answer(side, wanted);
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof Refusal)) throw error;
      if (error instanceof Refusal) this.said.replaceChildren(problem(error.message));
      for (const side of sides) if (side.turns.at(-1).role === "user") { side.turns.pop(); if (side.place.textContent === "…") side.place.remove(); }
    } finally {
      this.stop = null;
      this.button.textContent = "Send";
    }
  }

  async answer(side, { sampling: how, system }) {
    const turns = system ? [{ role: "system", content: system }, ...side.turns] : side.turns;
    const { place } = side;
    let text = "";
    const answer = await streamed(this.page.id, { inputs: [{ [this.role]: JSON.stringify(turns) }], sampling: how, untouched: side.untouched }, (piece) => {
      text += piece;
      place.firstChild.textContent = text;
      side.list.scrollTop = side.list.scrollHeight;
    }, this.stop.signal);
    place.firstChild.textContent = answer.text || "(nothing)";
    if (!answer.finished) place.append(h("small", { class: "at-quiet" }, "cut off at the longest answer"));
    side.turns.push({ role: "assistant", content: answer.text });
    side.list.scrollTop = side.list.scrollHeight;
  }
}

const bubble = (role, text) => h("div", { class: `at-turn at-turn-${role}`, dir: "auto" }, h("p", {}, text));
