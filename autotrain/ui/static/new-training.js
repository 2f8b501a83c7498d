// Step 3: a preset; under Advanced the whole recipe as a form, as YAML and as the command; and where to publish.

import { api, code, h, patch, problem, Refusal } from "./core.js";
import { step } from "./new-run.js";

export class TrainingStep {
  constructor(page) {
    Object.assign(this, { page, tab: "form", fields: new Map() });
    this.cards = h("div", { class: "at-presets", role: "radiogroup", "aria-label": "Preset" });
    this.differs = h("div", {});
    this.advanced = h("details", { class: "at-more at-advanced" }, h("summary", {}, "Advanced: every setting, YAML, command"));
    this.element = step("3", "Training", "How long to learn and how hard. Balanced is right for most tables.", this.cards, this.differs, this.advanced, this.publishing());
    this.build();
  }

  point() {
    this.advanced.open = true;
    const wrong = this.advanced.querySelector(this.wrong ? ".at-yaml" : "[aria-invalid=true]");
    const folded = wrong && wrong.closest(".at-group");
    if (folded) folded.open = true;
    if (wrong) wrong.focus();
  }

  // The form of another task.
  rebuild() {
    this.fields.clear();
    this.advanced.replaceChildren(this.advanced.firstChild);
    this.build();
  }

  build() {
    this.form = h("div", { class: "at-stack-small" }, this.grouped(this.page.task.form));
    this.yaml = h("textarea", { class: "at-input at-yaml", spellcheck: "false", "aria-label": "Recipe as YAML", oninput: () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.read(), 450); } });
    this.yamlSaid = h("div", { "aria-live": "polite" });
    this.command = h("div", {});
    const panels = { form: this.form, yaml: h("div", { class: "at-stack-small" }, h("p", { class: "at-small-text" }, "Edit it here: the page follows."), this.yaml, this.yamlSaid), command: h("div", { class: "at-stack-small" }, h("p", { class: "at-small-text" }, "The same run from a terminal in the project's folder; the same seed gives the same adapter."), this.command) };
    const names = { form: "Form", yaml: "YAML", command: "Command" };
    const buttons = Object.keys(panels).map((key) => h("button", { type: "button", "aria-pressed": String(key === this.tab), onclick: () => choose(key) }, names[key]));
    const choose = (key) => Object.keys(panels).forEach((each, at) => { panels[each].hidden = each !== key; buttons[at].setAttribute("aria-pressed", String(each === key)); });
    choose(this.tab);
    this.advanced.append(h("div", { class: "at-choices" }, buttons), ...Object.values(panels));
  }

  // What decides most stands open; the rest is folded up by what belongs together.
  grouped(form) {
    this.groups = new Map();
    const widgets = (group) => h("div", { class: "at-form" }, form.filter((one) => (one.group || "") === group).map((one) => this.widget(one)));
    const folded = [...new Set(form.map((one) => one.group))].filter(Boolean).map((group) => {
      const said = h("small", {});
      const element = h("details", { class: "at-more at-group" }, h("summary", {}, `${group} `, said), widgets(group));
      this.groups.set(group, { element, said });
      return element;
    });
    return [widgets(""), ...folded, this.resources()];
  }

  widget(widget) {
    const id = `setting-${widget.name}`;
    const set = (value) => this.set(widget, value);
    const input = widget.kind === "choice" ? h("select", { id, class: "at-input", onchange: () => set(input.value) }, widget.choices.map((choice) => h("option", { value: choice }, choice)))
      : widget.kind === "switch" ? h("input", { id, type: "checkbox", onchange: () => set(input.checked) })
        : h("input", { id, class: "at-input", inputmode: widget.kind === "integer" ? "numeric" : widget.kind === "number" ? "decimal" : null, autocomplete: "off", oninput: () => set(input.value.trim()) });
    const said = h("small", { class: "at-bad-text", hidden: true });
    this.fields.set(widget.name, { input, said, widget });
    return h("div", { class: "at-field" }, h("label", { for: id, title: widget.name }, widget.title), input, said, h("small", {}, widget.help, bounds(widget)));
  }

  // What the run asks of the machine: no parameter of the training.
  resources() {
    const set = (name, value, usual) => {
      const resources = { ...this.page.draft.resources };
      if (value === usual) delete resources[name]; else resources[name] = value;
      this.page.change({ resources });
    };
    this.devices = h("input", { id: "setting-devices", class: "at-input", inputmode: "numeric", autocomplete: "off", oninput: () => set("devices", this.devices.value.trim(), "1") });
    this.priority = h("select", { id: "setting-priority", class: "at-input", onchange: () => set("priority", this.priority.value, "normal") }, ["high", "normal", "low"].map((choice) => h("option", { value: choice }, choice)));
    this.devicesSaid = h("small", { class: "at-bad-text", hidden: true });
    return h("details", { class: "at-more at-group" }, h("summary", {}, "Queue and devices"), h("div", { class: "at-form" },
      h("div", { class: "at-field" }, h("label", { for: "setting-priority" }, "Priority"), this.priority, h("small", {}, "Who goes first where runs wait. It can be changed while the run waits.")),
      h("div", { class: "at-field" }, h("label", { for: "setting-devices" }, "Graphics cards"), this.devices, this.devicesSaid, h("small", {}, "How many it trains on at once; without cards it computes on the processor."))));
  }

  showResources(problems) {
    const { devices = "1", priority = "normal" } = this.page.draft.resources || {};
    if (document.activeElement !== this.devices) this.devices.value = String(devices);
    this.priority.value = priority;
    const wrong = problems.find((text) => text.startsWith("resources.devices:"));
    this.devicesSaid.hidden = !wrong;
    this.devicesSaid.textContent = wrong ? wrong.slice(wrong.indexOf(":") + 2) : "";
    this.devices.setAttribute("aria-invalid", String(Boolean(wrong)));
  }

  set(widget, value) {
    const params = { ...this.page.draft.params };
    if (String(value) === String(this.page.preset.params[widget.name])) delete params[widget.name];
    else params[widget.name] = value === "" && widget.optional ? null : value;
    this.page.change({ params });
  }

  async read() {
    try {
      const draft = await api("/drafts/yaml", { method: "POST", json: { text: this.yaml.value, draft: this.page.question() } });
      this.wrong = false;
      this.yamlSaid.replaceChildren();
      const before = this.page.draft.dataset;
      const preset = this.page.task.presets.find((one) => one.name === draft.preset);
      draft.params = Object.fromEntries(Object.entries(draft.params).filter(([name, value]) => !preset || String(preset.params[name]) !== String(value)));
      this.page.change(draft);
      if (draft.dataset && draft.dataset !== before) await this.page.openDataset(draft.dataset);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.wrong = true;
      this.yamlSaid.replaceChildren(problem(error.message, h("button", { type: "button", class: "at-button at-small", onclick: () => { this.wrong = false; this.page.show(); } }, "Discard this edit")));
      this.page.showSummary();
    }
  }

  publishing() {
    const target = this.page.draft.publish || { repository: "", private: true };
    const save = () => this.page.change({ publish: { repository: this.repository.value, private: this.access.value === "private" } });
    this.repository = h("input", { class: "at-input", value: target.repository, placeholder: "my-classifier or owner/my-classifier", autocomplete: "off", spellcheck: "false", oninput: save });
    this.access = h("select", { class: "at-input", onchange: save }, h("option", { value: "private" }, "Private"), h("option", { value: "public" }, "Public"));
    this.access.value = target.private ? "private" : "public";
    return h("details", { class: "at-more", ...(target.repository ? { open: true } : {}) }, h("summary", {}, "Publish on the Hugging Face Hub afterwards (optional)"),
      h("p", { class: "at-small-text" }, "The token and the name are checked before the training starts. The token is kept under ", h("a", { href: "/settings" }, "Settings"), "."),
      h("div", { class: "at-target" }, h("label", { class: "at-field" }, h("span", {}, "Repository"), this.repository), h("label", { class: "at-field" }, h("span", {}, "Who may see it"), this.access)));
  }

  show() {
    const { draft, judged, task, preset } = this.page;
    patch(this.cards, { preset: draft.preset, task: task.name }, () => task.presets.map((one) => h("label", { class: "at-option at-preset" },
      h("input", { type: "radio", name: "preset", value: one.name, class: "at-visually-hidden", ...(one.name === draft.preset ? { checked: true } : {}), onchange: () => this.choosePreset(one.name) }), h("b", {}, one.title), h("span", {}, one.description))));
    const changes = judged ? judged.changes : [];
    patch(this.differs, changes, () => (changes.length ? h("div", { class: "at-differs" }, h("p", {}, `${changes.length} ${changes.length === 1 ? "setting differs" : "settings differ"} from the preset`),
      h("ul", {}, changes.map((one) => h("li", {}, `${one.title}: ${one.value} (preset ${one.preset}) `, h("button", { type: "button", class: "at-link", onclick: () => this.putBack([one.name]) }, "Put back")))),
      changes.length > 1 ? h("button", { type: "button", class: "at-link", onclick: () => this.putBack(changes.map((one) => one.name)) }, "Put all back") : null) : null));
    const problems = judged ? judged.problems : [];
    for (const [name, { input, said, widget }] of this.fields) {
      const value = name in draft.params ? draft.params[name] : preset.params[name];
      if (document.activeElement !== input) { if (widget.kind === "switch") input.checked = Boolean(value); else input.value = value === null || value === undefined ? "" : String(value); }
      const wrong = problems.find((text) => text.startsWith(`params.${name}:`));
      said.hidden = !wrong;
      said.textContent = wrong ? wrong.slice(wrong.indexOf(":") + 2) : "";
      input.setAttribute("aria-invalid", String(Boolean(wrong)));
    }
    this.showResources(problems);
    for (const [group, { element, said }] of this.groups) {
      const own = [...this.fields.values()].filter(({ widget }) => widget.group === group);
      const changed = own.filter(({ widget }) => changes.some((one) => one.name === widget.name)).length;
      said.textContent = changed ? `${changed} changed` : "";
      if (own.some(({ input }) => input.getAttribute("aria-invalid") === "true")) element.open = true;
    }
    if (!this.wrong && document.activeElement !== this.yaml && judged && judged.recipe) { this.yaml.value = judged.recipe; this.yamlSaid.replaceChildren(); }
    patch(this.command, judged ? judged.command : "", (text) => (text ? code(text) : ""));
  }

  choosePreset(name) {
    this.page.change({ preset: name, params: {} });
  }

  putBack(names) {
    this.page.change({ params: Object.fromEntries(Object.entries(this.page.draft.params).filter(([name]) => !names.includes(name))) });
  }
}

function bounds(widget) {
  const low = widget.minimum ?? widget.above;
  const high = widget.maximum ?? widget.below;
  if (widget.kind !== "integer" && widget.kind !== "number") return "";
  if (low === null && high === null) return "";
  return ` ${low !== null ? `${widget.above !== null ? "Above" : "From"} ${low}` : ""}${high !== null ? ` ${widget.below !== null ? "below" : "to"} ${high}` : ""}.`;
}
