// One run: what it does now, its curves, its result, and everything that can be done with it.
import { api, ask, busy, bytes, count, dress, duration, figure, h, modelName, patch, pill, Poller, problem, progressBar, setText, toast, when } from "./core.js";
import { Curves } from "./curves.js";
import { Files } from "./files.js";
import { Publish } from "./publish.js";
import { Result } from "./result.js";
import { TryIt } from "./tryit.js";

const PHASES = ["download", "load", "tokenise", "train", "evaluate", "save"];
// Beyond the training nobody knows how long it takes.
const LATER = { evaluate: "evaluating", save: "saving" };
const DONE = ["succeeded", "failed", "cancelled"];

const ACTIONS = [
  { wish: "pause", label: "Pause", heading: "Pause this run?", confirm: "Pause",
    text: "It finishes the step it is in, saves a checkpoint and frees the machine. Resume goes on from that checkpoint." },
  { wish: "finish", label: "Stop and keep", heading: "Stop training and keep what it learned?", confirm: "Stop and keep",
    text: "Training ends after this step. The best checkpoint so far is then evaluated and saved as the adapter. It cannot go on training afterwards." },
  { wish: "save", label: "Save now", instant: true, said: "A checkpoint will be saved after this step. Training goes on." },
  { wish: "cancel", label: "Cancel", danger: true, heading: "Cancel this run?", confirm: "Cancel the run", refuse: "Let it go on",
    text: "Training stops after this step, and there will be no adapter and no result. Checkpoints stay in the run's folder, so it can be retried later." },
];

export async function mount(element) {
  await dress(element, import.meta.url);
  const id = new URLSearchParams(location.search).get("id");
  if (!id) {
    element.replaceChildren(problem("The address names no run.", h("a", { class: "at-button", href: "/runs" }, "Show all runs")));
    return;
  }
  await new RunPage(element, id).start();
}

class RunPage {
  constructor(root, id) {
    Object.assign(this, { root, id, run: null, cursor: "0-0", events: [], phaseShare: null, report: null, visited: false });
    this.head = h("div", { class: "at-stack" });
    this.connection = h("div", { class: "at-notice at-warn", role: "status", hidden: true });
    this.tabs = h("div", { class: "at-tabs", role: "tablist", "aria-label": "Parts of this run" });
    this.body = h("div", {});
    const page = this;
    const shared = { root, id, get run() { return page.run; }, get report() { return page.report; }, get events() { return page.events; }, go: (key) => this.open(key) };
    this.curves = new Curves(shared);
    this.panels = [
      { key: "curves", label: "Curves", panel: this.curves },
      { key: "result", label: "Result", panel: new Result(shared) },
      { key: "try", label: "Try it", panel: new TryIt(shared) },
      { key: "publish", label: "Publish", panel: new Publish(shared) },
      { key: "files", label: "Files and log", panel: new Files(shared) },
    ];
    this.poller = new Poller(() => this.update(), { onConnection: (fine, error) => this.connected(fine, error) });
  }

  async start() {
    this.root.replaceChildren(h("p", { class: "at-quiet" }, "Opening the run…"));
    await this.poller.start();
    setInterval(() => { if (this.run && !document.hidden) this.show(this.run); }, 30000);  // "2 min ago" grows old
  }

  connected(fine, error) {
    if (!this.run) {
      const shown = error && error.status === 404
        ? problem(error.message, h("a", { class: "at-button", href: "/runs" }, "Show all runs"))
        : problem(error ? error.message : "Opening the run…");
      this.root.replaceChildren(shown);
      return;
    }
    this.connection.hidden = fine && !error;
    this.connection.className = fine ? "at-notice at-bad" : "at-notice at-warn";
    if (error) setText(this.connection, fine ? error.message : "The app does not answer just now. The run itself goes on; this page follows as soon as the app is back.");
  }

  async update() {
    const live = await api(`/runs/${this.id}/live?after=${this.cursor}`);
    const before = this.run;
    this.cursor = live.cursor;
    this.run = live.run;
    this.poller.every = 1000 * live.ask_again_seconds;
    for (const item of live.events) {
      this.events.push(item);
      if (item.event.kind === "phase") this.phaseShare = item.event.fraction;
    }
    this.curves.add(live.points);
    if (this.run.state === "succeeded" && !this.report) {
      this.report = await api(`/runs/${this.id}/report`).catch((error) => { if (error.status === 404) return null; throw error; });
    }
    if (!before) this.build();
    this.show(before);
    return live.more || this.run.active;
  }

  build() {
    this.root.replaceChildren(h("div", { class: "at-stack" }, this.head, this.connection, this.tabs, this.body));
    this.buildHead();
    this.buttons = this.panels.map(({ key, label }, index) => h("button", {
      type: "button", role: "tab", id: `tab-${key}`, "aria-controls": `panel-${key}`, "data-tab": key,
      onclick: () => { this.visited = true; this.open(key); },
      onkeydown: (event) => this.arrow(event, index),
    }, label));
    this.tabs.replaceChildren(...this.buttons);
    for (const { key, panel } of this.panels) {
      Object.assign(panel.element, { id: `panel-${key}`, hidden: true });
      panel.element.setAttribute("role", "tabpanel");
      panel.element.setAttribute("aria-labelledby", `tab-${key}`);
      this.body.append(panel.element);
    }
    const asked = location.hash.slice(1);
    const known = this.panels.some(({ key }) => key === asked);
    window.addEventListener("hashchange", () => this.open(location.hash.slice(1), true));
    this.open(known ? asked : this.run.state === "succeeded" ? "result" : "curves", !known);
  }

  buildHead() {
    this.name = h("h1", {});
    this.words = h("span", {});
    this.facts = h("p", { class: "at-facts" });
    this.waits = h("p", { class: "at-facts", role: "status" });
    this.phases = h("ol", { class: "at-phases", "aria-label": "Phases" }, PHASES.map((name) => h("li", { "data-phase": name },
      progressBar(0, name), h("span", {}, name[0].toUpperCase() + name.slice(1)))));
    this.tiles = h("div", { class: "at-tiles", "aria-label": "Progress" });
    this.actions = h("div", { class: "at-actions at-run-actions" });
    this.notice = h("div", {});
    const rename = h("button", { type: "button", class: "at-button at-small", "aria-label": "Rename this run", onclick: () => this.rename() }, "Rename");
    this.head.replaceChildren(
      h("nav", { class: "at-crumbs", "aria-label": "Where you are" }, h("a", { href: "/runs" }, "Runs"), " / ", this.id),
      h("div", { class: "at-head" }, this.name, this.words, rename),
      this.facts, this.waits, this.notice, this.phases, this.tiles, this.actions);
  }

  show(before) {
    const { run } = this;
    document.title = `${this.percentDone()}${run.name} · ${run.words}`;
    setText(this.name, run.name);
    patch(this.words, [run.state, run.words], ([state, words]) => pill(state, words));
    setText(this.facts, [run.task_title, modelName(run.model), run.dataset, `made ${when(run.created_at)}`, run.attempt > 1 ? `attempt ${run.attempt}` : ""].filter(Boolean).join(" · "));
    this.waits.hidden = !run.waits;
    setText(this.waits, run.waits || "");
    this.showPhases();
    this.showTiles();
    patch(this.actions, [run.state, run.priority, run.wishes, run.desired, run.checkpoint_step, run.pruned_at], () => this.buildActions());
    patch(this.notice, [run.state, run.reason, run.pruned_at, this.report && this.report.scores], () => this.buildNotice());
    if (before && before.state !== run.state && run.state === "succeeded") toast(this.root, "Training is finished. The result is ready.");
    if (before && before.attempt !== run.attempt && run.attempt > 1) toast(this.root, `Attempt ${run.attempt} has begun.`);
    for (const { panel } of this.panels) panel.update(before);
  }

  percentDone() {
    const { progress, state } = this.run;
    return state === "running" && progress && progress.total_steps ? `${Math.floor((100 * progress.step) / progress.total_steps)} % · ` : "";
  }

  showPhases() {
    const { run } = this;
    this.phases.hidden = run.state === "succeeded";
    const now = run.state === "succeeded" ? PHASES.length : PHASES.indexOf(run.phase);
    const working = ["starting", "running", "pausing", "cancelling"].includes(run.state);
    PHASES.forEach((name, index) => {
      const item = this.phases.children[index];
      let at = index < now ? "done" : index > now || now < 0 ? "ahead" : working ? "now" : "halted";
      if (run.state === "queued" || run.state === "draft") at = "ahead";
      let share = at === "done" ? 1 : 0;
      if (at === "now" || at === "halted") share = name === "train" && run.progress && run.progress.total_steps ? run.progress.step / run.progress.total_steps : this.phaseShare;
      if (at === "halted" && share === null) share = 0.5;
      item.dataset.at = at;
      if (at === "now") item.setAttribute("aria-current", "step"); else item.removeAttribute("aria-current");
      const bar = item.firstChild;
      bar.classList.toggle("at-unknown", share === null || share === undefined);
      const width = share === null || share === undefined ? "30%" : `${(share * 100).toFixed(1)}%`;
      if (bar.firstChild.style.width !== width) bar.firstChild.style.width = width;
      if (share !== null && share !== undefined) bar.setAttribute("aria-valuenow", Math.round(share * 100));
    });
  }

  showTiles() {
    const { run } = this;
    const progress = run.progress || {};
    const working = run.state === "running";
    const figures = [
      ["Step", progress.step === undefined ? "–" : `${count(progress.step)} / ${count(progress.total_steps)}`],
      ["Epoch", progress.epoch === undefined ? "–" : progress.epoch.toFixed(2)],
      DONE.includes(run.state) ? ["Took", duration(run.seconds)] : ["Training left", !working ? "–" : run.phase === "train" ? duration(progress.seconds_left) : LATER[run.phase] || "–", "The evaluation on the test rows comes after it"],
      ["Samples / s", progress.samples_per_second ? figure(Number(progress.samples_per_second.toPrecision(3))).replace(/\.?0+$/, "") : "–"],
      ["Memory", bytes(progress.memory_bytes)],
      DONE.includes(run.state) ? ["Finished", when(run.finished_at)] : ["Running for", duration(run.seconds)],
    ];
    if (!this.tiles.children.length) this.tiles.append(...figures.map(() => h("div", {}, h("span", {}), h("b", {}))));
    figures.forEach(([name, value, hint = ""], index) => {
      const tile = this.tiles.children[index];
      if (tile.title !== hint) tile.title = hint;
      setText(tile.firstChild, name);
      setText(tile.lastChild, value);
    });
  }

  buildActions() {
    const { run } = this;
    const possible = new Set(run.wishes);
    const asked = run.desired !== "run" && run.desired !== "save";
    const made = ACTIONS.filter(({ wish }) => possible.has(wish) && !(asked && wish !== "cancel")).map((action) => h("button", {
      type: "button", class: `at-button ${action.danger ? "at-danger" : ""}`, "data-wish": action.wish,
      onclick: (event) => this.wish(event.currentTarget, action),
    }, action.label));
    if (possible.has("run")) {
      const label = run.state === "paused" ? "Resume" : run.state === "draft" ? "Start" : "Retry";
      const from = run.checkpoint_step ? ` from step ${count(run.checkpoint_step)}` : run.pruned_at ? " from the beginning" : "";
      made.unshift(h("button", {
        type: "button", class: "at-button at-primary", "data-wish": "run",
        onclick: (event) => this.wish(event.currentTarget, { wish: "run", instant: true, said: `It is in the queue. ${run.goes_on}` }),
        title: run.goes_on,
      }, `${label}${from}`));
    }
    if (run.state === "succeeded") {
      made.push(h("button", { type: "button", class: "at-button at-primary", onclick: () => this.open("try") }, "Try it"),
        h("button", { type: "button", class: "at-button", onclick: () => this.open("publish") }, "Publish"));
    }
    if (["draft", "queued", "paused"].includes(run.state)) made.push(this.priority());
    if (DONE.includes(run.state) || run.state === "paused" || run.state === "draft") {
      made.push(h("button", { type: "button", class: "at-button at-danger at-last", onclick: (event) => this.remove(event.currentTarget) }, "Delete"));
    }
    return made;
  }

  priority() {
    const select = h("select", { class: "at-input", "aria-label": "Priority", onchange: () => busy(this.root, select, async () => {
      this.run = await api(`/runs/${this.id}`, { method: "PATCH", json: { priority: select.value } });
      this.show(this.run);
    }) }, ["high", "normal", "low"].map((one) => h("option", { value: one }, `${one[0].toUpperCase()}${one.slice(1)} priority`)));
    select.value = this.run.priority;
    return h("span", {}, select);
  }

  buildNotice() {
    const { run } = this;
    const again = run.pruned_at && run.wishes.includes("run") ? h("p", {}, run.goes_on) : null;
    if (run.state === "failed") return problem(run.reason || "The run failed without saying why. The log has the details.", again, h("button", { type: "button", class: "at-button at-small", onclick: () => this.open("files") }, "Show the log"));
    if (run.state === "succeeded" && this.report) return h("div", { class: "at-head" }, h("p", { class: "at-verdict" }, this.report.verdict_sentence), h("button", { type: "button", class: "at-button at-small at-see", onclick: () => this.open("result") }, "See the result"));
    if (run.reason && run.state !== "succeeded") return h("div", { class: "at-notice at-warn" }, h("p", {}, run.reason), again);
    return null;
  }

  async wish(button, action) {
    if (!action.instant && !(await ask(this.root, action))) return;
    await busy(this.root, button, async () => {
      await api(`/runs/${this.id}/wish`, { method: "POST", json: { wish: action.wish } });
      if (action.said) toast(this.root, action.said);
      this.poller.stop();
      await this.poller.start();
    });
  }

  async rename() {
    const input = h("input", { class: "at-input", value: this.run.name, maxlength: "200", "aria-label": "New name" });
    const form = h("form", { class: "at-head" }, input, h("button", { class: "at-button at-primary" }, "Save"));
    const restore = () => form.replaceWith(this.name);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await busy(this.root, form.lastChild, async () => {
        this.run = await api(`/runs/${this.id}`, { method: "PATCH", json: { name: input.value } });
        restore();
        this.show(this.run);
      });
    });
    input.addEventListener("keydown", (event) => { if (event.key === "Escape") restore(); });
    this.name.replaceWith(form);
    input.select();
  }

  async remove(button) {
    const sure = await ask(this.root, {
      heading: "Delete this run?", confirm: "Delete the run and its files", danger: true, refuse: "Keep it",
      text: "Its curves, result, checkpoints and adapter are deleted from this machine for good. What was published on the Hub stays there.",
    });
    if (!sure) return;
    await busy(this.root, button, async () => {
      await api(`/runs/${this.id}`, { method: "DELETE" });
      location.href = "/runs";
    });
  }

  arrow(event, index) {
    const moves = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: this.buttons.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = this.buttons[(moves[event.key] + this.buttons.length) % this.buttons.length];
    next.focus();
    next.click();
  }

  open(wanted, quiet = false) {
    if (!this.panels.some(({ key }) => key === wanted)) return;
    this.panels.forEach(({ key, panel }, index) => {
      const chosen = key === wanted;
      this.root.dataset.tab = wanted;
      panel.element.hidden = !chosen;
      this.buttons[index].setAttribute("aria-selected", String(chosen));
      this.buttons[index].tabIndex = chosen ? 0 : -1;
      if (chosen && panel.open) panel.open();
    });
    if (!quiet) history.replaceState(history.state, "", `${location.pathname}${location.search}#${wanted}`);
  }
}

