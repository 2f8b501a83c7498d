// How the rows are divided: the method, its column, the shares; and what comes of it, class by class.

import { count, h } from "./core.js";

const METHODS = [
  ["stratified", "By chance", "Right for most tables: every class has its share of each part. The same seed divides the same way."],
  ["grouped", "Whole groups together", "When rows belong together, such as all messages of one customer."],
  ["time", "Oldest first, newest for the test", "When the model will be used on what comes later."],
  ["k-fold", "One fold of several", "For small tables: a run for each fold tests every row once."],
  ["given", "As a column says", "When the table says which rows are for training, validation and test."],
];
const NEEDS = { grouped: "Column with the group", time: "Column with the time", given: "Column with the split" };
const ONCE = { validation: 0.1, test: 0.1, seed: 42, folds: 5, fold: 1 };

export function splitPanel(page) {
  const { draft, detail, judged } = page;
  const split = { method: "stratified", ...ONCE, ...draft.split };
  const change = (values) => page.change({ split: { ...draft.split, ...values } });
  const field = (title, input) => h("label", { class: "at-field" }, h("span", {}, title), input);
  const choose = (name, options, value, set) => h("select", { class: "at-input", "aria-label": name, onchange: (event) => set(event.target.value) }, options.map(([key, title]) => h("option", { value: key, ...(key === value ? { selected: true } : {}) }, title)));
  const number = (name, value, set, attributes) => h("input", { class: "at-input", type: "number", value, "aria-label": name, onchange: (event) => event.target.value !== "" && set(Number(event.target.value)), ...attributes });
  const share = (name, title) => field(title, number(title, Math.round(split[name] * 100), (value) => change({ [name]: value / 100 }), { min: 1, max: 49, step: 1 }));
  const method = (value) => change({ method: value, column: NEEDS[value] ? split.column || likely(value, detail) : null });
  const columns = [["", "Choose a column"], ...detail.columns.map((column) => [column.name, column.name])];
  const shares = split.method !== "given" && split.method !== "k-fold";
  return h("details", { class: "at-more at-split", ...(page.splitOpen ? { open: true } : {}), ontoggle: (event) => { page.splitOpen = event.target.open; } },
    h("summary", {}, "Split: training, validation, test"),
    h("div", { class: "at-form" },
      field("How the rows are divided", choose("How the rows are divided", METHODS, split.method, method)),
      NEEDS[split.method] ? field(NEEDS[split.method], choose(NEEDS[split.method], columns, split.column || "", (value) => change({ column: value || null }))) : null,
      split.method === "k-fold" ? [field("Folds", number("Folds", split.folds, (folds) => change({ folds }), { min: 2, max: 50 })), field("This run's test fold", number("This run's test fold", split.fold, (fold) => change({ fold }), { min: 1, max: split.folds }))] : null,
      shares ? [share("validation", "Validation, %"), share("test", "Test, %")] : null,
      split.method === "stratified" || split.method === "grouped" || split.method === "k-fold" ? field("Seed", number("Seed of the split", split.seed, (seed) => change({ seed }), { min: 0 })) : null),
    h("p", { class: "at-small-text" }, METHODS.find(([key]) => key === split.method)[2]),
    judged && judged.rows ? counts(judged.rows) : null);
}

const likely = (method, detail) => {
  const kinds = { time: ["date", "number"], given: ["category"], grouped: ["id", "category"] }[method];
  const named = { given: /split|subset|partition|fold/i, time: /date|time|created/i, grouped: /group|user|customer|author|session|thread/i }[method];
  const fitting = detail.columns.filter((column) => named.test(column.name));
  return (fitting.find((column) => kinds.includes(column.kind)) || fitting[0] || { name: null }).name;
};

function counts(rows) {
  const classes = Object.entries(rows.per_class || {}).filter(([label]) => label);
  const shown = classes.slice(0, 20);
  return h("div", { class: "at-scroll at-sheet" }, h("table", { class: "at-split-counts" },
    h("thead", {}, h("tr", {}, ["Rows", "Training", "Validation", "Test"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, "All"), [rows.train, rows.validation, rows.test].map((value) => h("td", {}, count(value)))),
      shown.map(([label, parts]) => h("tr", {}, h("th", { scope: "row", dir: "auto" }, label), parts.map((value) => h("td", { class: value ? "" : "at-warn-text" }, count(value)))))),
  ), classes.length > shown.length ? h("p", { class: "at-small-text" }, `and ${count(classes.length - shown.length)} more classes`) : null);
}
