// The list of runs: find one, see how all of them stand, choose several to compare.
import { COLORS, sparkline } from "./chart.js";
import { api, ask, busy, dress, duration, h, modelName, patch, pill, Poller, setText, when } from "./core.js";
import { choice } from "./curves.js";

const GROUPS = {
  all: () => true,
  active: (run) => ["queued", "starting", "running", "pausing", "cancelling", "paused"].includes(run.state),
  succeeded: (run) => run.state === "succeeded",
  ended: (run) => ["failed", "cancelled", "draft"].includes(run.state),
};
const TITLES = [["all", "All"], ["active", "Under way"], ["succeeded", "Finished"], ["ended", "Failed or cancelled"]];

const CELLS = ["name", "state", "loss", "score", "baseline", "made", "took"];

export async function mount(element) {
  await dress(element, import.meta.url);
  await new RunsPage(element).start();
}

class RunsPage {
  constructor(root) {
    const asked = new URLSearchParams(location.search);
    Object.assign(this, { root, runs: [], rows: new Map(), chosen: new Set(), group: asked.get("show") in GROUPS ? asked.get("show") : "all" });
    this.search = h("input", { class: "at-input", type: "search", placeholder: "Search name, model, data", "aria-label": "Search runs", value: asked.get("search") || "", oninput: () => this.later() });
    this.body = h("tbody", {});
    this.table = h("table", { class: "at-list" }, h("thead", {}, h("tr", {},
      h("th", { scope: "col" }, h("span", { class: "at-visually-hidden" }, "Choose")),
      ["Run", "State", "Loss"].map((name) => h("th", { scope: "col" }, name)),
      ["Score", "Baseline", "Made", "Took"].map((name) => h("th", { scope: "col", class: "at-number" }, name)))), this.body);
    this.empty = h("div", { class: "at-empty", hidden: true });
    this.connection = h("div", { class: "at-notice at-warn", role: "status", hidden: true }, h("p", {}, "The app does not answer just now. This list follows as soon as it is back."));
    this.compare = h("div", { class: "at-card at-compare-bar", hidden: true });
    this.poller = new Poller(() => this.update(), { every: 1500, onConnection: (fine) => { this.connection.hidden = fine; } });
  }

  async start() {
    this.root.replaceChildren(h("div", { class: "at-stack" },
      h("div", { class: "at-toolbar" }, h("h1", { style: { color: "var(--at-text)", flex: "1 1 auto" } }, "Runs"), h("a", { class: "at-button at-primary", href: "/" }, "New run")),
      h("div", { class: "at-toolbar" }, choice("Which runs", TITLES, this.group, (group) => { this.group = group; this.keepAddress(); this.show(); }), h("span", { class: "at-search" }, this.search)),
      this.connection, h("div", { class: "at-card", style: { padding: "6px 14px" } }, this.table, this.empty), this.compare));
    await this.poller.start();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.keepAddress(); this.restart(); }, 250);
  }

  async restart() {
    this.poller.stop();
    await this.poller.start();
  }

  keepAddress() {
    const kept = new URLSearchParams();
    if (this.group !== "all") kept.set("show", this.group);
    if (this.search.value) kept.set("search", this.search.value);
    history.replaceState(history.state, "", `${location.pathname}${kept.size ? `?${kept}` : ""}`);
  }

  async update() {
    this.runs = await api(`/runs?search=${encodeURIComponent(this.search.value)}`);
    this.poller.every = this.runs.some((run) => run.active) ? 1500 : 5000;
    this.show();
    return true;
  }

  show() {
    const shown = this.runs.filter(GROUPS[this.group]);
    const known = new Set(shown.map((run) => run.id));
    for (const [id, row] of this.rows) if (!known.has(id)) { row.remove(); this.rows.delete(id); }
    shown.forEach((run, index) => {
      const row = this.rows.get(run.id) || this.row(run);
      this.fill(row, run);
      if (this.body.children[index] !== row) this.body.insertBefore(row, this.body.children[index] || null);
    });
    this.table.hidden = !shown.length;
    this.empty.hidden = shown.length > 0;
    patch(this.empty, [this.runs.length, this.search.value, this.group], () => (this.search.value || this.group !== "all"
      ? h("p", {}, "No run fits this search.")
      : [h("p", {}, "No runs yet. A table with a text and a label column is all it takes."), h("a", { class: "at-button at-primary", href: "/" }, "Start the first run")]));
    this.showCompare();
  }

  row(run) {
    const box = h("input", { type: "checkbox", "aria-label": `Choose ${run.name}`, checked: this.chosen.has(run.id), onchange: () => { this.chosen[box.checked ? "add" : "delete"](run.id); this.showCompare(); } });
    const cells = CELLS.map((name, index) => h("td", { class: index > 2 ? "at-number" : "", "data-cell": name }));
    const row = h("tr", { "data-run": run.id }, h("td", {}, box), cells);
    row.cells_ = cells;
    this.rows.set(run.id, row);
    return row;
  }

  fill(row, run) {
    const [name, state, loss, score, baseline, made, took] = row.cells_;
    const { headline, progress } = run;
    patch(name, [run.name, run.task_title, run.model, run.dataset], () => [
      h("div", { class: "at-name" }, h("a", { href: `/run?id=${run.id}` }, run.name)),
      h("div", { class: "at-facts", style: { "font-size": "13px" } }, `${run.task_title} · ${modelName(run.model)} · ${run.dataset}`)]);
    const done = run.state === "running" && progress && progress.total_steps ? ` ${String(Math.floor((100 * progress.step) / progress.total_steps)).padStart(2, " ")} %` : "";
    patch(state, [run.state, run.words + done], ([key, words]) => pill(key, words));
    patch(loss, run.sparkline, (values) => sparkline(values, "Training loss over time"));
    patch(score, headline, () => (headline ? h("b", { title: headline.title }, headline.shown, h("span", { class: "at-visually-hidden" }, ` ${headline.title}`)) : h("span", { class: "at-quiet" }, "–")));
    patch(baseline, headline, () => {
      if (!headline || headline.baseline_value === null) return h("span", { class: "at-quiet" }, "–");
      return [h("span", { class: "at-quiet", title: headline.baseline }, headline.baseline_shown), h("div", { style: { color: "var(--at-soft)", "font-size": "13px" } }, headline.gain.replace("-", "−"))];
    });
    setText(made, when(run.created_at));
    setText(took, run.seconds ? duration(run.seconds) : "–");
  }

  showCompare() {
    const chosen = this.runs.filter((run) => this.chosen.has(run.id)).map((run) => run.id);
    this.compare.hidden = chosen.length === 0;
    patch(this.compare, chosen, () => [
      h("span", {}, chosen.length === 1 ? "1 run chosen. Choose another to compare." : `${chosen.length} runs chosen`),
      h("span", { class: "at-actions" },
        h("button", { type: "button", class: "at-button at-danger", onclick: (event) => this.remove(event.currentTarget, chosen) }, "Delete"),
        h("button", { type: "button", class: "at-button", onclick: () => this.clear() }, "Clear"),
        chosen.length > 1 ? h("a", { class: "at-button at-primary", href: `/compare?ids=${chosen.slice(0, COLORS.length).join(",")}` }, "Compare") : null)]);
  }

  clear() {
    this.chosen.clear();
    for (const box of this.body.querySelectorAll("input[type=checkbox]")) box.checked = false;
    this.showCompare();
  }

  async remove(button, ids) {
    const sure = await ask(this.root, {
      heading: ids.length === 1 ? "Delete this run?" : `Delete ${ids.length} runs?`, confirm: "Delete with all files", danger: true, refuse: "Keep",
      text: "Curves, results, checkpoints and adapters are deleted from this machine for good. Runs that still work must be cancelled first.",
    });
    if (!sure) return;
    await busy(this.root, button, async () => { for (const id of ids) { await api(`/runs/${id}`, { method: "DELETE" }); this.chosen.delete(id); } });
    await this.restart();
  }
}
