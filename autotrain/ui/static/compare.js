// Several runs side by side: curves over each other, and only what differs.
import { COLORS, Chart } from "./chart.js";
import { Poller, api, dress, duration, figure, h, patch, pill, problem } from "./core.js";
import { MODES, along, choice, formatX, merge } from "./curves.js";
import { measure, shown, title } from "./measures.js";

const ALWAYS = ["loss", "eval_loss", "learning_rate"];

export async function mount(element) {
  await dress(element, import.meta.url);
  const ids = [...new Set((new URLSearchParams(location.search).get("ids") || "").split(",").filter(Boolean))].slice(0, COLORS.length);
  if (ids.length < 2) {
    element.replaceChildren(problem("Choose at least two runs to compare.", h("a", { class: "at-button", href: "/runs" }, "Choose runs")));
    return;
  }
  await new ComparePage(element, ids).start();
}

// { a: { b: 1 } } becomes { "a.b": 1 }: a table needs one name for each setting.
function flat(value, prefix = "") {
  if (value === null || typeof value !== "object") return { [prefix]: value };
  if (Array.isArray(value)) return { [prefix]: value.join(", ") };
  return Object.assign({}, ...Object.entries(value).map(([name, entry]) => flat(entry, prefix ? `${prefix}.${name}` : name)));
}

class ComparePage {
  constructor(root, ids) {
    Object.assign(this, { root, mode: "step", smoothing: 0.8 });
    this.sides = ids.map((id, index) => ({ id, color: COLORS[index], cursor: "0-0", points: {}, run: null, recipe: null }));
    this.charts = {};
    this.chartsPlace = h("div", { class: "at-charts" });
    for (const name of ALWAYS) this.chart(name);
    this.names = h("div", { class: "at-card" });
    this.differences = h("div", { class: "at-card" });
    this.poller = new Poller(() => this.update(), { every: 1500, onConnection: (fine, error) => { if (error && error.status) this.root.replaceChildren(problem(error.message, h("a", { class: "at-button", href: "/runs" }, "Show all runs"))); } });
  }

  // A chart for each curve that one of the runs has; the learning rate stays the last.
  chart(name) {
    if (this.charts[name]) return this.charts[name];
    const judged = name.startsWith("eval_") && name !== "eval_loss";
    const hover = (x) => { for (const chart of Object.values(this.charts)) chart.follow(x); };
    const made = new Chart({ heading: judged ? `${title(name)} on validation rows` : title(name), format: judged ? (value) => shown(measure(name), value) : figure, onHover: hover });
    this.charts[name] = made;
    this.chartsPlace.insertBefore(made.element, judged && this.charts.learning_rate ? this.charts.learning_rate.element : null);
    return made;
  }

  async start() {
    await this.poller.start();
  }

  async update() {
    await Promise.all(this.sides.map(async (side) => {
      if (side.run && !side.run.active) return;
      const live = await api(`/runs/${side.id}/live?after=${side.cursor}`);
      Object.assign(side, { cursor: live.cursor, run: live.run });
      for (const [name, fresh] of Object.entries(live.points)) merge(side.points[name] || (side.points[name] = []), fresh);
      if (!side.recipe) side.recipe = flat((await api(`/runs/${side.id}/recipe`)).recipe);
    }));
    if (!this.built) this.build();
    this.show();
    return this.sides.some((side) => side.run.active);
  }

  build() {
    this.built = true;
    document.title = "Compare runs";
    this.root.replaceChildren(h("div", { class: "at-stack" },
      h("nav", { class: "at-crumbs", "aria-label": "Where you are" }, h("a", { href: "/runs" }, "Runs"), " / Compare"), h("h1", {}, "Compare"), this.names, this.differences,
      h("div", { class: "at-toolbar" }, choice("What the axis counts", MODES, this.mode, (mode) => { this.mode = mode; this.draw(); }),
        h("label", {}, "Smoothing", h("input", { type: "range", min: "0", max: "0.98", step: "0.02", value: "0.8", oninput: (event) => { this.smoothing = Number(event.target.value); this.draw(); } }))),
      this.chartsPlace));
  }

  show() {
    patch(this.names, this.sides.map(({ run }) => [run.name, run.state, run.words]), () => this.sides.map(({ run, color }) => h("div", { class: "at-head", style: { padding: "4px 0" } },
      h("i", { style: { background: color, width: "14px", height: "14px", "border-radius": "4px" } }), h("a", { href: `/run?id=${run.id}` }, run.name), pill(run.state, run.words))));
    this.alike = ["source", "columns", "split"].every((part) => new Set(this.sides.map(({ recipe }) => JSON.stringify(Object.entries(recipe).filter(([name]) => name.startsWith(`data.${part}`))))).size === 1);
    const rows = [...this.scores(), ...this.settings()];
    patch(this.differences, [rows, this.alike, this.sides.map(({ run }) => run.name)], () => this.table(rows));
    this.draw();
  }

  scores() {
    const names = [...new Set(this.sides.flatMap(({ run }) => Object.keys(run.scores)))];
    const rows = names.map((name) => ["score", title(name), this.sides.map(({ run }) => run.scores[name]), measure(name)]);
    const baselines = [...new Set(this.sides.flatMap(({ run }) => Object.keys(run.baselines)))];
    const against = baselines.map((name) => ["score", `${title(name)} (baseline)`, this.sides.map(({ run }) => (run.baselines[name] || {})[names[0]] ?? null), names.length ? measure(names[0]) : null]);
    return [...rows, ...against, ["time", "Took", this.sides.map(({ run }) => duration(run.seconds)), false]];
  }

  settings() {
    const names = [...new Set(this.sides.flatMap(({ recipe }) => Object.keys(recipe)))].filter((name) => !["title", "description"].includes(name));
    return names.map((name) => ["setting", name.replace(/^params\./, ""), this.sides.map(({ recipe, run }) => (name === "data.source" ? `${run.dataset} (${recipe[name]})` : recipe[name] ?? null)), false])
      .filter(([, , values]) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
  }

  table(rows) {
    const cell = (kind, value, best, known) => h("td", { class: "at-number", style: best ? { "font-weight": "650", color: "var(--at-good)" } : {} }, value === undefined || value === null ? "–" : kind === "score" ? shown(known || { unit: "share" }, value) : typeof value === "number" ? figure(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") : String(value));
    return [h("h2", {}, "What differs"), this.alike ? null : h("div", { class: "at-notice at-warn", style: { margin: "10px 0" } }, h("p", {}, "These runs were tested on different rows, so that their scores cannot be compared.")), h("p", { class: "at-hint" }, rows.some(([kind]) => kind === "setting") ? "Settings that are the same are left out." : "All settings are the same."), h("div", { class: "at-scroll" }, h("table", { class: "at-differences" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, ""), this.sides.map(({ run, color }) => h("th", { scope: "col", class: "at-number", style: { "border-bottom": `3px solid ${color}` } }, run.name)))),
      h("tbody", {}, rows.map(([kind, name, values, judged]) => {
        const known = values.filter((value) => typeof value === "number");
        const best = this.alike && judged && known.length > 1 && new Set(known).size > 1 ? (judged.higher_is_better ? Math.max : Math.min)(...known) : null;
        return h("tr", {}, h("th", { scope: "row" }, name), values.map((value) => cell(kind, value, best !== null && value === best && !name.includes("baseline"), judged)));
      }))))];
  }

  draw() {
    const begin = ({ run, points }) => Object.values(points).reduce((least, one) => Math.min(least, one[0][2]), run.started_at || Infinity);
    const xMax = this.sides.reduce((most, side) => along(Object.values(side.points).flat(), this.mode, begin(side)).reduce((best, [x]) => Math.max(best, x), most), 0);
    const waiting = this.sides.some((side) => side.run.active);
    const names = [...new Set([...ALWAYS, ...this.sides.flatMap((side) => Object.keys(side.points).filter((name) => name.startsWith("eval_")))])];
    for (const name of names) {
      this.chart(name);
      this.charts[name].element.hidden = !waiting && !this.sides.some((side) => side.points[name]);
      this.charts[name].show(this.sides.map((side) => {
        const { id, run, color, points } = side;
        const curve = points[name] || [];
        const start = begin(side);
        return { id, label: run.name, color, points: along(curve, this.mode, start), smoothing: name === "loss" ? this.smoothing : 0, dots: name.startsWith("eval_") };
      }), { xMax, formatX: formatX(this.mode), bounds: name.startsWith("eval_") && name !== "eval_loss" && measure(name).unit === "share" ? [0, 1] : undefined });
    }
  }
}
