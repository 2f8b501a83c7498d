// What the model will see: which shape the table has, and its first rows as tokens.

import { api, count, h, problem, Refusal } from "./core.js";
import { findings } from "./new-run.js";

export class Preview {
  constructor(page) {
    Object.assign(this, { page, open: false, turn: 0, shown: null });
    this.batch = h("div", { class: "at-stack-small", "aria-live": "polite" });
    this.shape = h("div", {});
    this.details = h("details", { class: "at-more at-first-batch", ontoggle: () => { this.open = this.details.open; if (this.open) this.load(); } },
      h("summary", {}, "What the model will see"), this.batch);
    this.element = h("div", { class: "at-stack-small" }, this.shape, this.details);
  }

  // The shape in view: the task's own if the table has it or the task was wished, else what the table looks like most.
  chosen() {
    const { detail } = this.page;
    const fitting = detail.suggestions.filter((one) => one.fits);
    const own = detail.suggestions.find((one) => one.shape === this.page.shape);
    if (this.page.wished) return own;
    if (this.picked && this.pickedFor === detail.id) return detail.suggestions.find((one) => one.shape === this.picked);
    return own && (own.fits || !fitting.length) ? own : fitting[0] || own;
  }

  show() {
    const { detail, draft, models } = this.page;
    const shape = this.chosen();
    const key = JSON.stringify([detail.id, shape.shape, draft.columns, draft.steps, draft.model, models.some((one) => one.id === draft.model), draft.params.max_length]);
    if (key === this.shown) return;
    this.shown = key;
    this.shape.replaceChildren(...this.said(shape));
    if (!shape.tasks.length) this.details.open = true;
    if (this.details.open) { clearTimeout(this.timer); this.timer = setTimeout(() => this.load(), 300); }
  }

  said(shape) {
    const { detail } = this.page;
    const fitting = detail.suggestions.filter((one) => one.fits);
    const pick = h("select", { class: "at-input", "aria-label": "Shape of the table", onchange: (event) => this.pick(event.target.value) },
      fitting.map((one) => h("option", { value: one.shape, ...(one === shape ? { selected: true } : {}) }, one.title)));
    const others = detail.suggestions.filter((one) => !one.fits && one.shape !== "plain-text");
    const why = h("details", { class: "at-why" }, h("summary", {}, "Why not something else?"), h("ul", {}, others.map((one) => h("li", {}, h("b", {}, one.title), `: ${one.reason}`))));
    if (shape.tasks.length) return [h("details", { class: "at-why" }, h("summary", {}, "Another kind of table?"), h("label", { class: "at-field" }, h("span", {}, "Read it as"), pick), why)];
    return [h("div", { class: "at-notice at-warn at-shape" },
      h("p", {}, fitting.length ? ["This table looks like ", h("b", {}, shape.title.toLowerCase()), `: ${shape.mapping.filter((one) => one.column).map((one) => `${one.role} from “${one.column}”`).join(", ")}. `, shape.description] : "This table has none of the known shapes."),
      !fitting.length ? null : h("p", {}, "No training for it is built in yet: you can see here how it is read, what is wrong in it, and what a model would learn from."),
      fitting.length > 1 ? h("label", { class: "at-field" }, h("span", {}, "Read it as"), pick) : null, why)];
  }

  // Another way to read the table: with the task that learns from it, where there is one.
  pick(name) {
    const { detail, draft } = this.page;
    const shape = detail.suggestions.find((one) => one.shape === name);
    this.picked = shape.tasks.length ? null : name;
    this.pickedFor = detail.id;
    if (!shape.tasks.length) { this.page.wished = false; this.shown = null; this.show(); return; }
    this.page.pickTask(shape.tasks.includes(draft.task) ? draft.task : shape.tasks[0], name);
  }

  async load() {
    const turn = ++this.turn;
    const shape = this.chosen();
    const { draft } = this.page;
    const columns = Object.fromEntries(shape.mapping.filter((one) => one.column).map((one) => [one.role, one.column]));
    const own = shape.shape === this.page.shape;
    if (own && this.page.roles.some((role) => role.required && !draft.columns[role.role])) { this.batch.replaceChildren(h("p", { class: "at-quiet" }, "Choose the columns first.")); return; }
    this.batch.replaceChildren(h("p", { class: "at-quiet" }, "Reading the first rows…"));
    try {
      const seen = await api("/drafts/preview", { method: "POST", json: { draft: this.page.question(), ...(own ? {} : { shape: shape.shape, columns }) } });
      if (turn !== this.turn) return;
      this.batch.replaceChildren();
      for (const part of [findings(seen.findings, (fix) => this.page.mend(fix)), seen.batch ? this.picture(seen.batch, own) : null, seen.media ? media(seen.media) : null].flat()) if (part) this.batch.append(part);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (turn === this.turn) this.batch.replaceChildren(problem(error.message));
    }
  }

  picture(batch, own) {
    const cut = batch.truncated;
    const share = cut ? `${(100 * cut).toFixed(cut < 0.1 ? 1 : 0)} % of ${count(batch.measured)} rows are longer than ${count(batch.max_length)} tokens and ${batch.windows ? "become several windows" : "lose their end"}.` : `No row of ${count(batch.measured)} is longer than ${count(batch.max_length)} tokens: nothing is cut off.`;
    const better = Math.min(batch.length_for_99_percent, batch.longest || Infinity);
    const keeps = batch.longest && batch.length_for_99_percent > batch.longest ? ` The model reads at most ${count(batch.longest)}; split longer texts into several rows if their end matters. ` : ` ${count(better)} tokens would keep 99 % of the rows whole. `;
    const labels = batch.rows.some((row) => row.tokens.some((token) => token.label));
    const learned = batch.rows.some((row) => row.tokens.some((token) => token.learned));
    const legend = [["", "read"], ["at-special", "special"], ...(learned ? [["at-learned", "learned"]] : []), ["at-padding", "padding"]];
    return h("div", { class: "at-stack-small" },
      h("p", {}, batch.explanation),
      h("p", { class: cut > 0.01 && !batch.windows ? "at-warn-text" : "at-quiet" }, share, cut > 0.01 && !batch.windows ? keeps : " ",
        cut > 0.01 && !batch.windows && own && better <= 8192 && better > batch.max_length ? h("button", { type: "button", class: "at-button at-small", onclick: () => this.page.change({ params: { ...this.page.draft.params, max_length: better } }) }, `Use ${count(better)}`) : null),
      h("div", { class: "at-legend" }, legend.map(([kind, name]) => h("span", {}, h("span", { class: `at-token-chip ${kind}` }, "abc"), name)), labels ? h("span", {}, "tags stand below their words") : null),
      batch.rows.map((row) => this.row(row)),
      batch.template ? h("details", { class: "at-why" }, h("summary", {}, `Rendered with ${batch.template}`), h("pre", { class: "at-rendered" }, batch.rendered)) : null);
  }

  row(row) {
    const padding = row.tokens.filter((token) => token.padding).length;
    const tokens = row.tokens.filter((token) => !token.padding);
    const fill = padding ? h("span", { class: "at-token-chip at-padding", title: "Filled up to the longest row of the batch" }, `${row.tokens.find((token) => token.padding).text} × ${count(padding)}`) : null;
    return h("div", { class: "at-encoded" },
      h("div", { class: "at-tokens-row", dir: "auto" }, tokens.map((token) => chip(token)), fill),
      h("p", { class: "at-small-text" }, `${count(row.tokens_in_all)} tokens`, row.cut ? h("b", { class: "at-warn-text" }, ", cut off") : "", row.target !== null ? [" → ", h("b", { dir: "auto" }, row.target)] : ""));
  }
}

// Images as the model gets them, with their boxes; sounds as waves or spectrograms.
const media = (batch) => h("div", { class: "at-stack-small" }, h("p", {}, batch.explanation),
  h("p", { class: "at-quiet" }, Object.entries(batch.tensors).map(([name, shape]) => `${name} ${shape.join(" × ")}`).join(", "), `. Values from ${batch.minimum.toFixed(2)} to ${batch.maximum.toFixed(2)}, ${batch.mean.toFixed(2)} on average. ${count(batch.classes.length)} ${batch.classes.length === 1 ? "class" : "classes"}: ${batch.classes.slice(0, 8).join(", ")}${batch.classes.length > 8 ? "…" : ""}.`),
  h("div", { class: "at-media" }, batch.rows.map((row) => h("figure", {}, h("img", { src: row.picture, alt: `Row ${row.row} as the model gets it: ${row.target}` }),
    h("figcaption", { class: "at-small-text" }, `Row ${count(row.row)}, ${row.original} → `, h("b", { dir: "auto" }, row.target))))));

const chip = (token) => h("span", { class: `at-token-chip ${token.special ? "at-special" : ""} ${token.learned ? "at-learned" : ""}`, title: `token ${token.id}${token.learned ? ", learned" : ""}` },
  token.text.replace(/\n/g, "⏎") || " ", token.label ? h("small", {}, token.label) : null);
