// A finished run judged once more: on another file, and by another model.
import { api, bytes, count, h, percent, problem, progressBar, Refusal } from "./core.js";
import { TABLES } from "./new-data.js";
import { mistakes, perClass, scores } from "./result.js";

const wait = () => new Promise((resolve) => { setTimeout(resolve, 400); });

export class OtherFile {
  constructor(page) {
    this.page = page;
    this.input = h("input", { type: "file", accept: TABLES, class: "at-visually-hidden", tabindex: "-1", "aria-label": "A file to evaluate on", onchange: () => this.send(this.input.files[0]) });
    this.state = h("div", { class: "at-stack", "aria-live": "polite" });
    this.element = h("section", { class: "at-card" }, h("h2", {}, "Evaluate on another file"),
      h("p", { class: "at-hint" }, "Repeats this evaluation on new rows, with the answers that are right in the same columns as in the training file."),
      h("div", { class: "at-stack", style: { "margin-top": "10px" } }, h("div", {}, h("button", { type: "button", class: "at-button", onclick: () => this.input.click() }, "Choose a file"), this.input), this.state));
  }

  get place() { return `/runs/${this.page.id}/evaluations`; }

  async send(file) {
    if (!file) return;
    this.input.value = "";
    this.state.replaceChildren(h("p", {}, `Sending ${file.name} (${bytes(file.size)})…`), progressBar(null, "Sending"));
    try {
      const made = await api(`${this.place}?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
      if (made.state === "needs columns") this.choose(made, file); else await this.follow(made, file);
    } catch (error) { this.fail(error, file); }
  }

  choose(made, file) {
    const selects = made.roles.map((role) => h("select", { class: "at-input", name: role }, made.columns.map((name) => h("option", { value: name, selected: name.toLowerCase() === role }, name))));
    this.state.replaceChildren(h("form", {
      class: "at-stack",
      onsubmit: async (event) => {
        event.preventDefault();
        const columns = Object.fromEntries(selects.map((select) => [select.name, select.value]));
        try { await this.follow(await api(`${this.place}/${made.id}`, { method: "POST", json: { columns } }), file); } catch (error) { this.fail(error, file); }
      },
    }, selects.map((select) => h("label", { class: "at-field" }, h("span", {}, `Which column of ${file.name} is the ${select.name.replaceAll("_", " ")}?`), select)),
    h("button", { class: "at-button at-primary", style: { "justify-self": "start" } }, "Evaluate")));
  }

  async follow(made, file) {
    const bar = progressBar(0, "Evaluating");
    this.state.replaceChildren(h("p", {}, `Evaluating on ${count(made.rows)} rows of ${file.name}…`), bar);
    let now = made;
    while (now.state === "working") {
      bar.firstChild.style.width = `${Math.max(3, 100 * now.share)}%`;
      await wait();
      now = await api(`${this.place}/${made.id}`);
    }
    if (now.state === "failed") { this.state.replaceChildren(problem(now.reason)); return; }
    const report = await api(`${this.place}/${made.id}/report`);
    const text = JSON.stringify(report, null, 1);
    this.state.replaceChildren(h("div", { class: "at-notice at-good" }, h("p", {}, `${file.name}: ${report.verdict_sentence}`),
      h("a", { class: "at-button", href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: `${file.name}.report.json` }, "Download the report")),
    scores(report, `Measured on ${count(report.split.test)} rows of ${file.name}. Bars are 95 % intervals: where the true score lies.`, `How good it is on ${file.name}`),
    ...[report.per_class.length ? perClass(report) : null, report.mistakes.length ? mistakes(report) : null].filter(Boolean));
  }

  fail(error, file) {
    if (!(error instanceof Refusal)) throw error;
    this.state.replaceChildren(problem(error.message, h("button", { type: "button", class: "at-button at-small", onclick: () => this.send(file) }, "Try again")));
  }
}

const OUTCOMES = { win: "better", tie: "equal", loss: "worse" };

// The written answers before another model; shown only where there are answers to compare.
export class Judge {
  constructor(page) {
    this.page = page;
    this.state = h("div", { class: "at-stack", "aria-live": "polite" });
    this.button = h("button", { type: "button", class: "at-button", onclick: () => this.ask() }, "Ask the judge");
    this.element = h("section", { class: "at-card" }, h("h2", {}, "In the eyes of another model"),
      h("p", { class: "at-hint" }, "A judge compares the tuned with the untouched answers, each pair in both orders. The answers are sent to the endpoint that is named in ", h("a", { href: "/settings" }, "Settings"), "."),
      h("div", { class: "at-stack", style: { "margin-top": "10px" } }, h("div", {}, this.button), this.state));
    this.look();
  }

  async ask() {
    try { await api(`/runs/${this.page.id}/judgement`, { method: "POST" }); await this.look(); } catch (error) { this.fail(error); }
  }

  async look() {
    try {
      let now = await api(`/runs/${this.page.id}/judgement`);
      const bar = progressBar(0, "Judging");
      if (now.state === "working") this.state.replaceChildren(bar);
      this.button.disabled = now.state === "working";
      while (now.state === "working") {
        bar.firstChild.style.width = `${Math.max(3, 100 * now.share)}%`;
        await wait();
        now = await api(`/runs/${this.page.id}/judgement`);
      }
      this.button.disabled = false;
      this.state.replaceChildren(...[now.reason ? problem(now.reason) : null, now.judgement ? this.shown(now) : null].filter(Boolean));
    } catch (error) { this.fail(error); }
  }

  shown({ judgement, sentence }) {
    const facts = judgement.scores.map((score) => h("tr", {}, h("th", { scope: "row" }, score.title), h("td", { class: "at-number" }, `${percent(score.value)}  [${percent(score.low)}, ${percent(score.high)}]`)));
    return h("div", { class: "at-stack" }, h("p", {}, sentence), judgement.notes.map((note) => h("div", { class: "at-notice at-warn" }, h("p", {}, note))), h("table", {}, h("tbody", {}, facts)),
      h("details", {}, h("summary", {}, "What it said of each pair"), h("table", {}, h("thead", {}, h("tr", {}, ["Row", "Tuned is", "Reasons, in both orders"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, judgement.verdicts.map((one) => h("tr", {}, h("td", { class: "at-number" }, count(one.row)), h("td", {}, OUTCOMES[one.outcome]), h("td", { dir: "auto" }, one.words.map((words) => h("p", {}, words)))))))));
  }

  fail(error) {
    if (!(error instanceof Refusal)) throw error;
    this.button.disabled = false;
    this.state.replaceChildren(problem(error.message));
  }
}
