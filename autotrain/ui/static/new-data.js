// Step 1: a file, pasted rows, a sample or earlier data; then the first rows with a role above each column.

import { api, bytes, count, h, patch, problem, progressBar, Refusal } from "./core.js";
import { findings, step } from "./new-run.js";
import { HubData } from "./new-hub.js";
import { Insights } from "./new-insights.js";
import { Preview } from "./new-preview.js";
import { splitPanel } from "./new-split.js";

// What the file dialog offers first; the content decides, whatever the name is.
export const TABLES = ".csv,.tsv,.tab,.txt,.xlsx,.ods,.json,.jsonl,.ndjson,.parquet,.arrow,.feather,.gz,.bz2,.xz,.zst,.zip,.tar,.tgz,.md,.conll,.iob,.iob2,.bio,.bioes,text/csv";

const LARGE = 1e6;
const HEAD = 1 << 18;

export class DataStep {
  constructor(page) {
    this.page = page;
    this.body = h("div", { class: "at-step-body" });
    this.preview = new Preview(page);
    this.insights = new Insights(page);
    this.trouble = h("div", { "aria-live": "polite" });
    this.element = step("1", "Data", "A table with one row for each example: texts with labels, questions with answers, conversations, marked words and more.", this.trouble, this.body);
    this.file = h("input", { type: "file", multiple: true, accept: TABLES, class: "at-visually-hidden", tabindex: "-1", "aria-label": "Data file", onchange: () => this.file.files[0] && this.upload([...this.file.files]) });
    this.element.append(this.file);
    for (const kind of ["dragover", "drop", "dragleave"]) this.element.addEventListener(kind, (event) => this.drag(event));
  }

  drag(event) {
    event.preventDefault();
    this.element.classList.toggle("at-over", event.type === "dragover");
    if (event.type === "drop" && event.dataTransfer.files[0]) this.upload([...event.dataTransfer.files]);
  }

  complain(text) { this.trouble.replaceChildren(text ? problem(text) : ""); }

  point(what) {
    const target = this.element.querySelector(/column/i.test(what) ? "select.at-open-role, select.at-role" : "button.at-primary, .at-error") || this.element;
    target.focus && target.focus({ preventScroll: true });
    this.element.classList.remove("at-pointed");
    requestAnimationFrame(() => this.element.classList.add("at-pointed"));
  }

  show() {
    const { draft, detail, judged, offer } = this.page;
    if (!draft.dataset) {
      patch(this.body, { empty: true, working: this.working || null }, () => (this.working ? this.waiting() : this.choices(offer)));
    } else if (!detail || detail.id !== draft.dataset) {
      patch(this.body, { opening: draft.dataset }, () => h("p", { class: "at-quiet" }, "Opening the data…"));
    } else {
      const found = [...detail.findings, ...(judged ? judged.findings : [])];
      const steps = judged ? judged.steps : [];
      patch(this.body, { detail: detail.id, task: draft.task, shape: this.page.shape, columns: draft.columns, confirmed: draft.confirmed, found, steps, mended: judged && judged.mended, split: draft.split, rows: judged && judged.rows }, () => this.chosen(detail, draft, found, steps));
      this.preview.show();
      this.insights.show();
    }
  }

  waiting() {
    this.bar = h("div", {}, progressBar(null, "Import"));
    this.barText = h("p", { class: "at-quiet" }, this.working);
    this.first = h("div", { class: "at-glance" });
    return [h("div", { class: "at-drop" }, this.barText, h("div", { style: { width: "min(320px, 100%)" } }, this.bar),
      h("button", { type: "button", class: "at-button at-small", onclick: () => this.cancel() }, "Cancel")), this.first];
  }

  // A cancelled import keeps nothing: while it is sent the connection ends, later the server is told.
  cancel() {
    const { key, request } = this;
    this.key = this.request = this.working = null;
    if (request) request.abort();
    if (key) api(`/datasets/imports/${key}`, { method: "DELETE" }).catch(() => {});
    this.show();
  }

  // How far the server is, asked until the import has ended.
  async follow(key, words) {
    while (this.key === key) {
      const told = await api(`/datasets/imports/${key}`).catch(() => null);
      if (this.key !== key) return;
      if (told && this.bar) {
        this.bar.replaceChildren(progressBar(told.fraction, "Import"));
        this.barText.textContent = words;
        if (told.first) this.showFirst(told.first);
      }
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
  }

  // The first rows of a large file, from its beginning, while the rest is on its way.
  async glance(file, key) {
    if (file.size < LARGE) return;
    const found = await api(`/datasets/glance?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file.slice(0, HEAD) }).catch(() => null);
    if (found && this.key === key) this.showFirst(found);
  }

  showFirst(found) {
    if (!this.first || this.first.firstChild) return;
    this.first.replaceChildren(h("h3", {}, "The first rows"), h("div", { class: "at-scroll at-sheet", tabindex: "0", "aria-label": "First rows" },
      h("table", {}, h("thead", {}, h("tr", {}, found.columns.map((name) => h("th", { scope: "col" }, h("span", { class: "at-column-name" }, name))))),
        h("tbody", {}, found.rows.map((row) => h("tr", {}, row.map((cell) => h("td", { dir: "auto" }, h("span", {}, cell)))))))));
  }

  choices(offer) {
    const paste = h("textarea", { class: "at-input", rows: 6, spellcheck: "false", placeholder: "text,label\nThe parcel came late.,complaint\nDo you ship to Norway?,question", "aria-label": "Rows, the first line names the columns" });
    const place = h("input", { class: "at-input", type: "url", placeholder: "https://example.org/table.csv", "aria-label": "Web address of the data" });
    const earlier = h("div", { class: "at-earlier" });
    this.listEarlier(earlier);
    return [
      h("div", { class: "at-drop at-drop-big" },
        svg(), h("p", {}, h("b", {}, "Drop a table here")), h("p", {}, "or"),
        h("button", { type: "button", class: "at-button at-primary", onclick: () => this.file.click() }, "Choose a file"),
        h("p", { class: "at-small-text" }, `CSV, Excel, OpenDocument, JSON, Parquet, Arrow or text, also several, compressed or in a ZIP, up to ${bytes(offer.largest_upload)}. It stays on this machine.`)),
      h("div", { class: "at-other" },
        h("div", {}, h("h3", {}, "No file at hand? Try a sample"),
          h("div", { class: "at-samples" }, offer.samples.map((sample) => h("button", { type: "button", class: "at-option", "data-sample": sample.name, onclick: () => this.take("Reading the sample…", () => api("/datasets/sample", { method: "POST", json: { name: sample.name } })) },
            h("b", {}, sample.title), h("span", {}, sample.description))))),
        h("details", { class: "at-more" }, h("summary", {}, "Paste rows instead"), paste,
          h("div", { class: "at-actions" }, h("button", { type: "button", class: "at-button", onclick: () => (paste.value.trim() ? this.take("Reading the rows…", () => api("/datasets/paste", { method: "POST", json: { text: paste.value } })) : paste.focus()) }, "Use these rows"),
            h("span", { class: "at-small-text" }, "The first line names the columns. Cells copied from a spreadsheet work too."))),
        h("details", { class: "at-more" }, h("summary", {}, "Fetch from a web address"), place,
          h("div", { class: "at-actions" }, h("button", { type: "button", class: "at-button", onclick: () => (place.value.trim() ? this.take("Fetching the file…", (key) => this.fetchFrom(place.value.trim(), key)) : place.focus()) }, "Fetch"),
            h("span", { class: "at-small-text" }, "https://, or s3://, gs:// and az:// where this machine has access."))),
        new HubData(this).element,
        earlier)];
  }

  async listEarlier(place) {
    let list = [];
    try { list = await api("/datasets"); } catch { return; }
    if (!list.length) return;
    place.replaceChildren(h("h3", {}, "Data from earlier"), h("div", { class: "at-actions" }, list.slice(0, 6).map((one) =>
      h("button", { type: "button", class: "at-button at-small", onclick: () => { this.complain(""); this.page.openDataset(one.id); } }, one.name, h("span", { class: "at-quiet" }, `${count(one.rows)} rows`)))));
  }

  // `action` is given a key under which the server tells how far it is.
  async take(words, action) {
    this.complain("");
    const key = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    Object.assign(this, { working: words, key });
    this.show();
    try {
      const detail = await action(key);
      if (this.key !== key) return;  // cancelled, a moment too late
      this.key = this.working = null;
      this.page.useDetail(detail);
    } catch (error) {
      if (this.key !== key) return;
      this.key = this.working = null;
      if (!(error instanceof Refusal)) throw error;
      this.complain(error.message);
      this.show();
    }
  }

  upload(files) {
    this.file.value = "";
    const size = files.reduce((sum, one) => sum + one.size, 0);
    const file = files.length === 1 ? files[0] : { name: `${files.length} files`, size };
    const limit = this.page.offer.largest_upload;
    if (this.page.draft.dataset) this.page.forgetData();
    if (file.size > limit) { this.complain(`${file.name} has ${bytes(file.size)}, which is over the limit of ${bytes(limit)}. Split it, or set AUTOTRAIN_MAX_UPLOAD_BYTES.`); return; }
    this.take(`Uploading ${file.name}…`, async (key) => {
      if (files.length === 1) this.glance(files[0], key);
      return this.open(await this.send(file, files, key));
    });
  }

  open(view) { return api(`/datasets/${view.id}`); }

  async fetchFrom(url, key) {
    this.follow(key, `Fetching ${url}…`);
    return this.open(await api(`/datasets/url?key=${key}`, { method: "POST", json: { url } }));
  }

  // XMLHttpRequest, because fetch cannot say how much of a body has been sent.
  send(file, files, key) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("POST", files.length === 1 ? `/api/datasets?name=${encodeURIComponent(file.name)}&key=${key}` : `/api/datasets/several?key=${key}`);
      request.responseType = "json";
      request.upload.onprogress = (event) => {
        if (!this.bar || !event.lengthComputable) return;
        const fraction = event.loaded / event.total;
        this.bar.replaceChildren(progressBar(fraction < 1 ? fraction : null, "Upload"));
        this.barText.textContent = fraction < 1 ? `Uploading ${file.name}, ${bytes(event.loaded)} of ${bytes(event.total)}` : `Reading ${file.name}…`;
      };
      request.upload.onload = () => { this.request = null; this.follow(key, `Reading ${file.name}…`); };
      request.onabort = () => reject(new Refusal(0, "cancelled", "The import was cancelled."));
      request.onerror = () => reject(new Refusal(0, "offline", `${file.name} could not be sent: the app does not answer, or the file changed meanwhile. Try again.`));
      request.onload = () => {
        if (request.status < 300) { resolve(request.response); return; }
        const said = (request.response && request.response.error) || {};
        reject(new Refusal(request.status, said.code || "unknown", said.message || `The app answered ${request.status}.`));
      };
      const form = new FormData();
      for (const one of files) form.append("files", one, one.name);
      request.send(files.length === 1 ? file : form);
    });
  }

  chosen(detail, draft, found, steps) {
    const { roles } = this.page;
    const open = roles.filter((role) => role.required && !draft.columns[role.role]);
    return [
      h("div", { class: "at-picked" }, h("div", {}, h("b", {}, detail.name), h("span", { class: "at-quiet" }, ` ${count(detail.rows)} rows, ${detail.columns.length} ${detail.columns.length === 1 ? "column" : "columns"}, ${bytes(detail.size_bytes)}, ${detail.delimiter ? detail.encoding : detail.format}`)),
        h("button", { type: "button", class: "at-button at-small", onclick: () => { this.complain(""); this.page.forgetData(); } }, "Change data")),
      this.sheets(detail),
      this.tasks(detail, draft),
      open.length && this.preview.chosen().tasks.length ? h("div", { class: "at-notice at-warn" }, h("p", {}, `Needs you: choose the ${open.map((role) => role.title.toLowerCase()).join(" and the ")} column in the row of roles below.`)) : null,
      h("div", { class: "at-scroll at-sheet", tabindex: "0", "aria-label": "First rows" }, this.sheet(detail, draft, roles, open)),
      this.profile(this.page.judged && this.page.judged.mended || detail, draft),
      splitPanel(this.page),
      this.preview.element,
      this.insights.element,
      this.done(steps),
      findings(found, (fix) => this.page.mend(fix))];
  }

  // What can be learned: first what this table suits, then the rest.
  tasks(detail, draft) {
    const suits = new Set(detail.suggestions.filter((one) => one.fits).flatMap((one) => one.tasks));
    const option = (one) => h("option", { value: one.name, ...(one.name === draft.task ? { selected: true } : {}) }, one.title);
    const all = this.page.offer.tasks;
    const pick = h("select", { class: "at-input at-task", "aria-label": "What to learn", onchange: (event) => { this.page.wished = true; this.page.pickTask(event.target.value); } },
      h("optgroup", { label: "This table suits" }, all.filter((one) => suits.has(one.name)).map(option)),
      h("optgroup", { label: "Other tasks" }, all.filter((one) => !suits.has(one.name)).map(option)));
    return h("label", { class: "at-field at-task-field" }, h("span", {}, "What to learn"), pick, h("small", {}, this.page.task.description));
  }

  sheets(detail) {
    if (detail.sheets.length < 2) return null;
    const choose = async (sheet) => {
      try {
        this.complain("");
        this.page.useDetail(await this.open(await api(`/datasets/${detail.id}/sheet`, { method: "POST", json: { sheet } })));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.complain(error.message);
        this.body.querySelector("select.at-sheet-choice").value = detail.sheet;
      }
    };
    return h("label", { class: "at-field" }, h("span", {}, "Sheet"), h("select", { class: "at-input at-sheet-choice", "aria-label": "Sheet", onchange: (event) => choose(event.target.value) },
      detail.sheets.map((name) => h("option", { value: name, ...(name === detail.sheet ? { selected: true } : {}) }, name))));
  }

  // What was mended, the last first undone: a later step may build on an earlier one.
  done(steps) {
    if (!steps.length) return null;
    const undo = (place) => () => this.page.change({ steps: this.page.draft.steps.slice(0, place) });
    const title = (place) => (place === steps.length - 1 ? "Undo" : "Undo from here");
    return h("section", { class: "at-done" }, h("h3", {}, "Changes to the rows"), h("p", { class: "at-small-text" }, "Your file stays as it is. The recipe does this again each time."),
      h("ol", {}, steps.map((sentence, place) => h("li", {}, h("span", {}, sentence), h("button", { type: "button", class: "at-button at-small at-quiet-button", onclick: undo(place) }, title(place))))));
  }

  sheet(detail, draft, roles, open) {
    const cells = (column) => {
      const role = roles.find((one) => draft.columns[one.role] === column.name);
      return h("th", { scope: "col", class: role ? "at-used" : "" },
        h("select", { class: `at-input at-role ${open.length && !role ? "at-open-role" : ""}`, "aria-label": `Role of column ${column.name}`, "data-column": column.name, onchange: (event) => this.assign(column.name, event.target.value) },
          h("option", { value: "" }, "Not used"), roles.map((one) => h("option", { value: one.role, ...(role === one ? { selected: true } : {}) }, one.title))),
        this.mark(detail, draft, role, column), h("span", { class: "at-column-name", title: column.name }, column.name || "(no name)"));
    };
    const first = roles.map((role) => draft.columns[role.role]).filter(Boolean);
    const order = [...detail.columns].sort((a, b) => rank(first, a.name) - rank(first, b.name));
    return h("table", {}, h("thead", {}, h("tr", {}, order.map(cells))),
      h("tbody", {}, detail.head.map((row) => h("tr", {}, order.map((column) => h("td", { class: first.includes(column.name) ? "at-used" : "", dir: "auto" }, h("span", {}, row[column.name] || h("i", { class: "at-quiet" }, "empty"))))))));
  }

  mark(detail, draft, role, column) {
    if (!role) return h("span", { class: "at-mark-line at-quiet" }, column.kind);
    const guess = this.page.guesses.find((one) => one.role === role.role);
    const guessed = guess && guess.column === column.name && !draft.confirmed.includes(role.role);
    if (!guessed) return h("span", { class: "at-mark-line at-good-text" }, "✓ your choice");
    if (guess.certainty === "sure") return h("span", { class: "at-mark-line at-good-text", title: guess.reason }, "✓ sure");
    return h("button", { type: "button", class: "at-mark-line at-warn-text", title: `${guess.reason}. Click to confirm.`, onclick: () => this.page.change({ confirmed: [...draft.confirmed, role.role] }) }, "? a guess, please check");
  }

  assign(column, role) {
    const columns = Object.fromEntries(Object.entries(this.page.draft.columns).filter(([key, name]) => name !== column && key !== role));
    if (role) columns[role] = column;
    this.page.change({ columns, confirmed: [...new Set([...this.page.draft.confirmed, ...(role ? [role] : [])])] });
  }

  profile(detail, draft) {
    const column = (role) => detail.columns.find((one) => one.name === draft.columns[role]);
    const text = column((this.page.roles.find((one) => one.kind === "text" && draft.columns[one.role]) || { role: "text" }).role);
    const label = column("label");
    // Of a question and its answer the tiles are about one; which, is said.
    const what = this.page.roles.filter((one) => one.kind === "text" && draft.columns[one.role]).length > 1 && text ? `“${text.name}”` : "text";
    const used = Object.values(draft.columns).map((name) => detail.columns.find((one) => one.name === name)).filter(Boolean);
    const empty = (used.length ? used : detail.columns).reduce((sum, one) => sum + one.empty, 0);
    const tile = (name, value, hint) => h("div", { title: hint }, h("span", {}, name), h("b", {}, value));
    return h("div", { class: "at-profile" },
      h("div", { class: "at-tiles at-profile-tiles" }, tile("Rows", count(detail.rows)), tile("Empty cells", count(empty), "In the columns that are used"), tile("Repeated rows", count(detail.duplicate_rows)),
        text ? tile(what === "text" ? "Text, median" : `${what}, median`, `${count(text.median_length)} chars`) : null, text ? tile(`Longest ${what}`, `${count(text.longest)} chars`) : null, label ? tile("Classes", count(label.distinct)) : null),
      label ? this.balance(label, detail.rows - label.empty) : null);
  }

  balance(label, rows) {
    const top = label.top_values.slice(0, 10);
    const most = Math.max(...top.map(([, times]) => times), 1);
    return h("div", {}, h("h3", {}, "Rows of each label"),
      h("div", { class: "at-balance" }, top.map(([value, times]) => [h("span", { class: "at-balance-name", title: value, dir: "auto" }, value), h("div", { class: "at-bar" }, h("i", { style: { width: `${(100 * times) / most}%` } })), h("span", { class: "at-numbers" }, count(times), h("small", {}, ` ${((100 * times) / Math.max(rows, 1)).toFixed(times / rows < 0.1 ? 1 : 0)} %`))])),
      label.distinct > top.length ? h("p", { class: "at-small-text" }, `and ${count(label.distinct - top.length)} more labels`) : null);
  }
}

const rank = (first, name) => (first.includes(name) ? first.indexOf(name) : 99);

function svg() {
  const place = h("span", { class: "at-drop-icon", "aria-hidden": "true" });
  place.innerHTML = '<svg viewBox="0 0 48 48"><path d="M14 6h14l10 10v26H14z"/><path d="M28 6v10h10M26 36V23M20.500 28.500L26 23l5.500 5.500"/></svg>';
  return place;
}
