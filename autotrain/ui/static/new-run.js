// New run: three steps and a summary that is always in sight. The draft lives in this browser; the server judges it.

import { ask, api, busy, bytes, count, dress, h, patch, problem, Refusal } from "./core.js";
import { underWay } from "./adding.js";
import { KeptDraft } from "./draft.js";
import { DataStep } from "./new-data.js";
import { ModelStep } from "./new-model.js";
import { TrainingStep } from "./new-training.js";

const EMPTY = { task: "text-classification", shape: "", dataset: null, columns: {}, confirmed: [], model: "", preset: "balanced", params: {}, steps: [], split: {}, publish: null, resources: {}, name: "" };

export async function mount(element) {
  await dress(element, import.meta.url);
  element.classList.add("at-new-run");
  try {
    await new NewRunPage(element).start();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    element.replaceChildren(problem(error.message, h("button", { class: "at-button", onclick: () => location.reload() }, "Try again")));
  }
}

class NewRunPage {
  constructor(root) {
    this.kept = new KeptDraft((at) => this.sayStale(at));
    this.elsewhere = h("div", { "aria-live": "polite" });
    Object.assign(this, { root, draft: { ...EMPTY, ...this.kept.load() }, detail: null, judged: null, asked: 0, models: [] });
  }

  async start() {
    const wanted = new URLSearchParams(location.search).get("dataset");
    if (wanted && wanted !== this.draft.dataset) Object.assign(this.draft, { dataset: wanted, columns: {}, confirmed: [], steps: [], split: {} });
    this.offer = await api("/studio");
    if (!this.offer.tasks.some((one) => one.name === this.draft.task)) this.draft.task = this.offer.tasks[0].name;
    await this.loadModels();
    this.data = new DataStep(this);
    this.model = new ModelStep(this);
    this.training = new TrainingStep(this);
    this.summary = h("aside", { class: "at-card at-summary", "aria-label": "Summary" });
    this.said = h("div", { class: "at-start-said", "aria-live": "polite" });
    this.startButton = h("button", { type: "button", class: "at-button at-primary at-start", onclick: () => this.begin() }, "Start");
    this.nameInput = h("input", { class: "at-input", value: this.draft.name, maxlength: 200, placeholder: "Named after data and preset", oninput: () => this.change({ name: this.nameInput.value }, false) });
    this.facts = h("dl", { class: "at-sum" });
    this.summary.append(h("h2", {}, "Summary"), this.facts, h("label", { class: "at-field" }, h("span", {}, "Run name"), this.nameInput), this.startButton, this.said);
    this.root.replaceChildren(
      h("header", { class: "at-page-head" }, h("h1", {}, "New run"),
        h("p", { class: "at-quiet" }, "A table of examples becomes a model (a LoRA adapter) that has learned from them."),
        h("button", { type: "button", class: "at-button at-small at-quiet-button", onclick: () => this.reset() }, "Start over")), this.elsewhere,
      h("div", { class: "at-new" }, h("div", { class: "at-steps" }, this.data.element, this.model.element, this.training.element), this.summary));
    this.show();
    if (this.draft.dataset) await this.openDataset(this.draft.dataset, true);
    else this.judge();
  }

  get task() { return this.offer.tasks.find((one) => one.name === this.draft.task) || this.offer.tasks[0]; }
  get preset() { return this.task.presets.find((one) => one.name === this.draft.preset) || this.task.presets[0]; }

  // The shape the table is read in: as chosen, else the one of the task's that fits best.
  get shape() {
    const { task, draft, detail } = this;
    if (task.shapes.includes(draft.shape)) return draft.shape;
    const own = detail ? detail.suggestions.filter((one) => task.shapes.includes(one.shape)) : [];
    return (own.find((one) => one.fits) || own[0] || { shape: task.shapes[0] }).shape;
  }

  get roles() { return this.offer.shapes[this.shape]; }
  get guesses() { return this.detail ? this.detail.suggestions.find((one) => one.shape === this.shape).mapping : []; }
  guessed() { return Object.fromEntries(this.guesses.filter((guess) => guess.column && guess.certainty !== "needs you").map((guess) => [guess.role, guess.column])); }

  // The models that suit the task; the recommended one takes the place of one that cannot learn it.
  async loadModels() {
    this.models = (await api(`/models?task=${encodeURIComponent(this.draft.task)}`)).models;
    const known = this.models.find((one) => one.id === this.draft.model);
    // A preset's model that is not on this machine is of the kind its own task needs, and maybe of no use for this one.
    const named = (task) => task.presets.some((one) => one.model === this.draft.model);
    const strange = !known && this.offer.tasks.some(named) && !named(this.task);
    const first = this.models.find((one) => one.recommended && one.suits) || this.models.find((one) => one.suits);
    if (!this.draft.model || strange || (known && !known.suits)) this.draft.model = (first || { id: this.preset.model }).id;
    return first;
  }

  // Another thing to learn: its own columns, settings and models. What was set for the other task means nothing here.
  async pickTask(name, shape = "") {
    const before = this.draft.task;
    Object.assign(this.draft, { task: name, shape });
    this.judged = null;
    if (before !== name) {
      this.draft.params = {};
      if (!this.task.presets.some((one) => one.name === this.draft.preset)) this.draft.preset = this.task.presets[0].name;
      const mine = this.models.find((one) => one.id === this.draft.model);
      const first = await this.loadModels();
      // What was recommended for the one task gives way to what is for the other; what somebody picked stays.
      if (first && mine && mine.recommended) this.draft.model = first.id;
      this.training.rebuild();
    }
    this.change({ columns: this.guessed(), confirmed: [] });
  }

  change(values, judge = true) {
    Object.assign(this.draft, values);
    this.kept.save(this.draft);
    if (!judge) return;
    this.show();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.judge(), 180);
  }

  // Another tab has saved this draft since: a person says which of the two stays.
  sayStale(at) {
    patch(this.elsewhere, [at], () => h("div", { class: "at-notice at-warn", role: "alert", style: { "margin-bottom": "1rem" } },
      h("p", {}, at ? `This draft was changed in another tab at ${new Date(at).toLocaleTimeString()}. What you change here is not kept until you choose.` : "This draft was started over in another tab. What you change here is not kept until you choose."),
      h("div", { class: "at-actions" },
        h("button", { type: "button", class: "at-button at-small", onclick: () => location.reload() }, "Load the newer one"),
        h("button", { type: "button", class: "at-button at-small", onclick: () => { this.kept.save(this.draft, { over: true }); patch(this.elsewhere, [], () => null); } }, "Keep this one"))));
  }

  async openDataset(id, quiet = false) {
    try {
      this.useDetail(await api(`/datasets/${id}`));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.change({ dataset: null, columns: {}, confirmed: [] });
      if (!quiet) this.data.complain(error.message);
    }
  }

  useDetail(detail) {
    if (this.detail && this.detail.id !== detail.id) this.judged = null;  // what was said of other rows
    this.detail = detail;
    const names = new Set(detail.columns.map((column) => column.name));
    const same = this.draft.dataset === detail.id && Object.values(this.draft.columns).length > 0 && Object.values(this.draft.columns).every((name) => names.has(name));
    const opened = { dataset: detail.id, ...(this.draft.dataset === detail.id ? {} : { steps: [], split: detail.split }) };
    if (same) { this.change(opened); return; }
    Object.assign(this.draft, opened, { shape: "" });
    const fitting = detail.suggestions.filter((one) => one.fits && one.tasks.length);
    const best = this.wished && fitting.find((one) => one.tasks.includes(this.draft.task)) || fitting[0];
    const task = best && (best.tasks.includes(this.draft.task) ? this.draft.task : best.tasks[0]);
    if (best) this.pickTask(task, best.shape);
    else this.change({ columns: this.guessed(), confirmed: [] });
  }

  // A fix is a change of the recipe's data: a step more, other columns, another way to split.
  mend(fix) {
    const { columns, confirmed, steps, split } = this.draft;
    const roles = Object.keys(fix.columns || {});
    const freed = Object.entries(columns).filter(([, name]) => !Object.values(fix.columns || {}).includes(name));
    this.change({ columns: { ...Object.fromEntries(freed), ...fix.columns }, confirmed: [...new Set([...confirmed, ...roles])],
      steps: fix.step ? [...steps, fix.step] : steps, split: { ...split, ...fix.split } });
  }

  forgetData() {
    this.detail = null;
    this.judged = null;
    this.change({ dataset: null, columns: {}, confirmed: [], steps: [], split: {} });
  }

  // What the server is asked: everything but what only this page needs.
  question() {
    const { confirmed, name, shape, ...draft } = this.draft;
    return { ...draft, publish: draft.publish && draft.publish.repository.trim() ? draft.publish : null };
  }

  async judge() {
    const turn = ++this.asked;
    this.summary.classList.add("at-thinking");
    try {
      const judged = await api("/drafts/look", { method: "POST", json: this.question() });
      if (turn !== this.asked) return;
      this.judged = judged;
      this.refused = null;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (turn !== this.asked) return;
      this.refused = error.message;
    }
    this.summary.classList.remove("at-thinking");
    this.show();
  }

  show() {
    this.data.show();
    this.model.show();
    this.training.show();
    this.showSummary();
  }

  missing() {
    if (!this.draft.dataset) return ["Choose the data"];
    const role = this.roles.find((one) => one.required && !this.draft.columns[one.role]);
    if (role) return [`Choose the ${role.title.toLowerCase()} column`];
    if (this.model.absent.length) return [underWay(this.model.absent[0]) ? `Wait for the model ${this.model.absent[0].title}` : `Add the model ${this.model.absent[0].title}`];
    if (this.training.wrong) return ["Correct the YAML"];
    return this.judged ? this.judged.missing : [];
  }

  showSummary() {
    const { judged, detail } = this;
    const cost = judged && this.draft.dataset ? judged.cost : null;
    const rows = judged && this.draft.dataset ? judged.rows : null;
    const chosen = this.models.find((one) => one.id === this.draft.model);
    const fact = (name, value, hint) => h("div", {}, h("dt", {}, name), h("dd", {}, value, hint ? h("small", {}, hint) : null));
    const changed = judged ? judged.changes.length : 0;
    const shown = { detail: detail && [detail.name, detail.rows], draft: this.draft, rows, cost, changed, title: chosen && chosen.title, task: this.task.name };
    patch(this.facts, shown, () => [
      fact("Data", detail ? detail.name : h("span", { class: "at-quiet" }, "Not chosen yet"), detail ? `${count(detail.rows)} rows${rows ? `: ${divided(rows)}` : ""}` : null),
      fact("Learns", this.task.title),
      fact("Model", chosen ? chosen.title : this.draft.model || h("span", { class: "at-quiet" }, "Not chosen yet")),
      fact("Training", this.preset.title, changed ? `${changed} ${changed === 1 ? "setting differs" : "settings differ"} from the preset` : null),
      fact("Steps", cost ? count(cost.steps) : "–", cost ? `${count(cost.effective_batch_size)} rows a step (batch × accumulation × devices: ${cost.batch})` : null),
      fact("Time, about", cost ? h("span", { title: cost.basis }, range(cost.seconds_low, cost.seconds_high)) : "–"),
      fact("Memory, about", cost ? h("span", { title: cost.sentence }, bytes(cost.memory_bytes), " ", badge(cost.fit)) : "–", cost && cost.fit !== "fits" ? cost.sentence : null),
      fact("Adapter goes to", this.draft.publish && this.draft.publish.repository.trim() ? `This machine, then ${this.draft.publish.repository.trim()}` : "This machine", this.draft.publish && this.draft.publish.repository.trim() ? null : "Publish it from the run's page when you like it"),
    ]);
    const first = this.missing()[0];
    if (!this.starting) this.startButton.textContent = first || "Start training";
    this.startButton.classList.toggle("at-waits", Boolean(first));
    if (this.refused) this.say(this.refused); else if (!this.startSaid) this.said.replaceChildren();
  }

  say(text, link = null) {
    this.startSaid = Boolean(text);
    this.said.replaceChildren(text ? problem(text, link) : "");
  }

  async begin() {
    if (this.starting) return;
    const first = this.missing()[0];
    if (first) {
      const step = /column|data|must fix/i.test(first) ? this.data : /model/i.test(first) ? this.model : this.training;
      step.element.scrollIntoView({ behavior: "smooth", block: "start" });
      step.point(first);
      return;
    }
    this.starting = true;
    this.say("");
    this.startButton.textContent = this.draft.publish && this.draft.publish.repository.trim() ? "Checking the repository…" : "Starting…";
    await busy(this.root, this.startButton, async () => {
      try {
        if (!(await this.targetIsFine())) return;
        this.startButton.textContent = "Starting…";
        const judged = await api("/drafts/look", { method: "POST", json: this.question() });
        if (judged.missing.length) { this.judged = judged; return; }
        const run = await api("/runs", { method: "POST", json: { recipe: judged.recipe, name: this.draft.name.trim() || null } });
        this.change({ name: "" }, false);
        location.href = `/run?id=${encodeURIComponent(run.id)}`;
        await new Promise((resolve) => setTimeout(resolve, 4000));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.say(error.message);
      }
    });
    this.starting = false;
    this.showSummary();
  }

  async targetIsFine() {
    const target = this.draft.publish;
    if (!target || !target.repository.trim()) return true;
    const { findings } = await api("/drafts/target", { method: "POST", json: target });
    const wrong = findings.filter((one) => one.severity === "error");
    if (!wrong.length) return true;
    const token = wrong.some((one) => one.code.startsWith("token"));
    this.say(wrong.map((one) => `${one.message} ${one.remedy}`).join("\n"), token ? h("a", { class: "at-button at-small", href: "/settings" }, "Open settings") : null);
    return false;
  }

  async reset() {
    const sure = await ask(this.root, { heading: "Start over?", text: "The choices on this page are put back. Imported data and runs stay.", confirm: "Start over", refuse: "Keep" });
    if (!sure) return;
    this.kept.forget();
    location.href = "/";
  }
}

export const badge = (fit) => (fit ? h("span", { class: `at-badge at-tone-${{ fits: "good", tight: "wait" }[fit] || "bad"}` }, fit) : null);

// The findings; `mend` is called with the fix of the one that a person wants mended.
export function findings(list, mend = null) {
  if (!list.length) return null;
  const group = (severity, title) => {
    const some = list.filter((one) => one.severity === severity);
    if (!some.length) return null;
    return h("section", { class: `at-findings at-${severity}` }, h("h3", {}, title, h("span", { class: "at-count" }, some.length)),
      h("ul", {}, some.map((one) => h("li", {}, h("p", {}, h("b", {}, one.message), " ", one.remedy),
        one.rows.length && !tells(one) ? h("p", { class: "at-rows" }, one.rows.length === 1 ? "Row " : "Rows ", one.rows.slice(0, 12).join(", "), one.count > Math.min(12, one.rows.length) ? ` and ${count(one.count - Math.min(12, one.rows.length))} more` : "") : null,
        one.fix && mend ? h("button", { type: "button", class: "at-button at-small at-fix", "data-code": one.code, onclick: () => mend(one.fix) }, one.fix.title) : null))));
  };
  return [group("error", "Must fix"), group("warning", "Worth knowing")];
}

export const step = (number, title, hint, ...body) => h("section", { class: "at-card at-step", "aria-label": title },
  h("div", { class: "at-step-head" }, h("span", { class: "at-step-number", "aria-hidden": "true" }, number), h("div", {}, h("h2", {}, title), h("p", { class: "at-quiet" }, hint))), body);

// Whether the sentence names its rows itself.
const tells = (one) => one.rows.length <= 3 && one.rows.every((row) => new RegExp(`\\brows? .*\\b${row}\\b`, "i").test(one.message));

// An estimate is no stopwatch: seconds to the nearest ten, minutes whole, hours to a tenth.
export function range(low, high) {
  if (high < 90) return `${Math.max(10, Math.round(low / 10) * 10)} to ${Math.round(high / 10) * 10} s`;
  if (high < 5400) return `${Math.max(1, Math.round(low / 60))} to ${Math.round(high / 60)} min`;
  return `${(low / 3600).toFixed(1)} to ${(high / 3600).toFixed(1)} h`;
}

function divided(rows) {
  const parts = `${count(rows.train)} for training, ${count(rows.validation)} for validation, ${count(rows.test)} for the test`;
  return rows.dropped ? `${parts}, ${count(rows.dropped)} left out` : parts;
}
