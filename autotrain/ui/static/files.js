// Everything a run left behind: downloads, what happened, the trainer's log, the recipe.
import { Refusal, api, bytes, clock, code, h, patch } from "./core.js";

export class Files {
  constructor(page) {
    this.page = page;
    this.next = null;
    this.attempt = null;
    this.lines = [];
    this.list = h("div", {});
    this.happened = h("div", { class: "at-events" });
    this.search = h("input", { class: "at-input", type: "search", placeholder: "Search the log", "aria-label": "Search the log", oninput: () => this.draw() });
    this.found = h("span", { class: "at-quiet at-numbers", "aria-live": "polite" });
    this.attempts = h("span", {});
    this.log = h("div", { class: "at-log", tabindex: "0", role: "log", "aria-label": "Log", "aria-live": "off" });
    this.recipe = h("div", {});
    this.element = h("section", { class: "at-stack" },
      h("div", { class: "at-card" }, h("h2", {}, "Files"), this.list),
      h("div", { class: "at-card" }, h("h2", {}, "What happened"), this.happened),
      h("div", { class: "at-card at-stack" }, h("div", { class: "at-toolbar" }, h("h2", { style: { color: "var(--at-text)" } }, "Log"), this.attempts, h("span", { class: "at-search" }, this.search), this.found), this.log),
      h("div", { class: "at-card" }, h("h2", {}, "Recipe"), h("p", { class: "at-hint" }, "Frozen when the run was made. The same recipe, data and seed give the same adapter."), this.recipe));
  }

  update(before) {
    if (this.element.hidden) return;
    const { run, events } = this.page;
    patch(this.happened, events.length, () => events.map(sentence).filter(([, text], place, all) => text && !(text.startsWith("Phase: ") && repeated(all, place, text))).map(([at, text, kind]) => h("div", {}, h("time", {}, clock(at)), h("span", { class: kind ? `at-${kind}` : "" }, text))).reverse());
    if (run.active || !this.loaded || (before && before.active)) this.readLog();
    if (!this.loaded || (before && before.state !== run.state)) this.readFiles();
    this.loaded = true;
  }

  open() { this.update(); }

  async readFiles() {
    try {
      const files = await api(`/runs/${this.page.id}/files`);
      patch(this.list, files, () => (files.length ? h("table", {}, h("tbody", {}, files.map((file) => h("tr", {},
        h("td", {}, h("a", { href: `/api/runs/${this.page.id}/files/${file.path.split("/").map(encodeURIComponent).join("/")}`, download: "" }, file.path), h("div", { class: "at-quiet", style: { "font-size": "13px" } }, file.about)),
        h("td", { class: "at-number" }, bytes(file.size)))))) : h("p", { class: "at-quiet" }, "No files yet.")));
      const { yaml } = await api(`/runs/${this.page.id}/recipe`);
      patch(this.recipe, yaml, code);
    } catch (error) { if (!(error instanceof Refusal)) throw error; }
  }

  async readLog() {
    if (this.reading) return;
    this.reading = true;
    try {
      for (let more = true; more;) {
        const which = this.attempt === null ? "" : `&attempt=${this.attempt}`;
        const part = await api(`/runs/${this.page.id}/log?${this.next === null ? "" : `after=${this.next}`}${which}`);
        const newest = part.attempts.at(-1);
        if (this.shownAttempt !== undefined && this.shownAttempt !== part.attempt) { this.lines = []; this.next = null; this.shownAttempt = part.attempt; continue; }
        this.shownAttempt = part.attempt;
        const fresh = part.text.replace(/\r\n?/g, "\n").split("\n");
        if (this.lines.length && fresh.length) this.lines.push(this.lines.pop() + fresh.shift());
        this.lines.push(...fresh);
        more = this.next !== null && part.next > this.next && part.next < part.size;
        this.next = part.next;
        patch(this.attempts, [part.attempts, part.attempt], () => (part.attempts.length > 1 ? this.picker(part.attempts, part.attempt, newest) : null));
        if (part.text || !this.drawn) this.draw();
      }
    } catch (error) { if (!(error instanceof Refusal)) throw error; }
    this.reading = false;
  }

  picker(attempts, chosen) {
    return h("select", {
      class: "at-input", "aria-label": "Attempt", style: { width: "auto" },
      onchange: (event) => { this.attempt = Number(event.target.value); this.next = null; this.lines = []; this.shownAttempt = this.attempt; this.readLog(); },
    }, attempts.map((attempt) => h("option", { value: attempt, selected: attempt === chosen }, `Attempt ${attempt}`)));
  }

  draw() {
    this.drawn = true;
    const wanted = this.search.value.toLowerCase();
    const shown = this.lines.filter((line, index) => (wanted ? line.toLowerCase().includes(wanted) : line || index < this.lines.length - 1));
    this.found.textContent = wanted ? `${shown.length} of ${this.lines.length} lines` : "";
    const atEnd = this.log.scrollTop + this.log.clientHeight >= this.log.scrollHeight - 30;
    const latest = shown.slice(-5000);
    this.log.replaceChildren(...(latest.length ? latest.map((line) => h("div", { class: tone(line) }, wanted ? marked(line, wanted) : line))
      : [h("div", { class: "at-quiet" }, wanted ? "No line has this." : "Nothing was printed yet.")]));
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }
}

const tone = (line) => (/\b(error|exception|traceback)\b/i.test(line) ? "at-error" : /\bwarn(ing)?\b/i.test(line) ? "at-warning" : "");

function marked(line, wanted) {
  const parts = [];
  let from = 0;
  for (let at = line.toLowerCase().indexOf(wanted); at >= 0; at = line.toLowerCase().indexOf(wanted, from)) {
    parts.push(line.slice(from, at), h("mark", {}, line.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  return [...parts, line.slice(from)];
}

// Each split is a part of its phase; the phase is said once.
function repeated(all, place, text) {
  for (let before = place - 1; before >= 0; before -= 1) if (all[before][1].startsWith("Phase: ")) return all[before][1] === text;
  return false;
}

function sentence({ at, event }) {
  if (event.kind === "phase") return [at, event.fraction ? "" : `Phase: ${event.name}`];
  if (event.kind === "log") return [at, event.text, event.level === "info" ? "" : event.level];
  if (event.kind === "checkpoint") return [at, `Checkpoint saved at step ${event.step.toLocaleString("en")}`];
  if (event.kind === "finding") return [at, `${event.message} ${event.remedy}`, event.severity];
  if (event.kind === "failure") return [at, event.reason, "error"];
  return [at, event.kind === "outcome" ? "Evaluated and saved" : ""];
}
