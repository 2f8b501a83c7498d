// How each kind of answer looks. An answer comes with what was asked, and with what the table says where it is known.
import { count, h, percent, progressBar } from "./core.js";
import { plain } from "./measures.js";

const SHOWN = 6;
const COLORS = 8;

export function answerView(answer, inputs, expected = null) {
  return [(KINDS[answer.kind] || other)(answer, inputs, expected)].flat().filter(Boolean);
}

const KINDS = { scores, number, marked, found, filled, written, ranked, similar, embedded };

const own = (expected, agrees) => (expected === null || expected === undefined ? null : h("p", { class: "at-quiet", style: { "margin-bottom": "10px" } }, `Your data says: ${expected}${agrees === null ? "" : agrees ? ", and it agrees." : ". It disagrees."}`));

function scores({ scores: all, chosen }, inputs, expected) {
  const sorted = Object.entries(all).sort((a, b) => b[1] - a[1]);
  const picked = (label) => (chosen ? chosen.includes(label) : label === sorted[0][0]);
  const rows = (part) => part.flatMap(([label, value]) => {
    const bar = progressBar(value, label);
    if (!picked(label)) bar.classList.add("at-rest");
    return [h("span", { style: picked(label) ? { "font-weight": "650" } : {}, dir: "auto" }, chosen && picked(label) ? `✓ ${label}` : label), bar, h("span", { class: "at-numbers" }, percent(value))];
  });
  const bars = h("div", { class: "at-bars" }, rows(sorted.slice(0, SHOWN)));
  const rest = sorted.slice(SHOWN);
  const more = rest.length ? h("button", { type: "button", class: "at-button at-small", style: { "margin-top": "12px" }, onclick: () => { bars.append(...rows(rest)); more.remove(); } }, `Show all ${sorted.length}`) : null;
  const none = chosen && !chosen.length ? h("p", { style: { "margin-bottom": "10px" } }, "None of the labels is likely enough.") : null;
  return [own(expected, chosen ? null : expected === sorted[0][0]), none, bars, more];
}

function number({ value }, inputs, expected) {
  return [own(expected, null), h("p", { class: "at-big-number" }, plain(value))];
}

// The text with its marked places, each with its label; the same label has the same colour.
function marked({ text, marks }, inputs, expected) {
  const labels = [...new Set(marks.map((mark) => mark.label))].sort();
  const parts = [];
  let at = 0;
  for (const mark of marks) {
    if (mark.start > at) parts.push(text.slice(at, mark.start));
    parts.push(h("mark", { class: "at-mark", "data-color": String(labels.indexOf(mark.label) % COLORS), title: `${mark.label}, ${percent(mark.confidence, 0)} sure` }, text.slice(mark.start, mark.end), h("small", {}, mark.label)));
    at = mark.end;
  }
  parts.push(text.slice(at));
  return [h("p", { class: "at-marked", dir: "auto" }, parts), marks.length ? null : h("p", { class: "at-quiet" }, "Nothing is marked in it."), expected ? h("details", { class: "at-why" }, h("summary", {}, "What your data says"), h("p", { dir: "auto" }, expected)) : null];
}

function found({ text, start, end, confidence }, inputs, expected) {
  const context = inputs.context || "";
  if (!text) return [own(expected, null), h("p", {}, "The text does not say."), h("p", { class: "at-quiet" }, `${percent(confidence, 0)} sure`)];
  return [own(expected, expected === null ? null : expected.trim() === text.trim()), h("p", { class: "at-found" }, h("b", { dir: "auto" }, text), h("span", { class: "at-quiet" }, ` ${percent(confidence, 0)} sure`)),
    h("p", { class: "at-marked", dir: "auto" }, context.slice(0, start), h("mark", { class: "at-mark", "data-color": "0" }, context.slice(start, end)), context.slice(end))];
}

// The text with the likeliest words in its open places, and for each place the words that come next.
function filled({ text, guesses }, inputs, expected) {
  const bars = (place) => h("div", { class: "at-bars" }, place.flatMap(({ word, probability }) => [h("span", { dir: "auto" }, word), progressBar(probability, word), h("span", { class: "at-numbers" }, percent(probability))]));
  return [own(expected, null), h("p", { class: "at-written", dir: "auto" }, text), ...guesses.map((place, index) => h("div", {}, guesses.length > 1 ? h("h3", {}, `Place ${index + 1}`) : null, bars(place)))];
}

function written({ text, finished, tokens }, inputs, expected) {
  return [own(expected, null), h("p", { class: "at-written", dir: "auto" }, text || h("i", { class: "at-quiet" }, "It wrote nothing.")),
    finished ? null : h("p", { class: "at-quiet" }, `Cut off after ${count(tokens)} tokens: allow a longer answer to read on.`)];
}

function ranked({ texts, scores: values }) {
  return [h("ol", { class: "at-ranked" }, texts.map((text, index) => h("li", {}, h("span", { dir: "auto" }, text), h("span", { class: "at-numbers at-quiet" }, plain(values[index])))))];
}

// The deepest tint leaves the text in its own colour readable, in light and in dark: at least 4.5 to 1.
const DEEPEST = 0.45;

function similar({ texts, values }) {
  if (texts.length < 2) return [h("p", { class: "at-quiet" }, "Give two texts or more, one on each line.")];
  const short = (text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
  return [h("div", { class: "at-scroll", tabindex: "0" }, h("table", { class: "at-heat" },
    h("caption", { class: "at-visually-hidden" }, "How alike the texts are: the cosine of each two, from -1 to 1. Columns have the numbers of the rows."),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, ""), texts.map((text, index) => h("th", { scope: "col", title: text }, String(index + 1))))),
    h("tbody", {}, values.map((row, i) => h("tr", {}, h("th", { scope: "row", title: texts[i], dir: "auto" }, `${i + 1}. ${short(texts[i])}`), row.map((value, j) => h("td", {
      style: { background: i === j ? "var(--at-page)" : `rgba(var(--at-heat), ${(DEEPEST * Math.max(0, Math.min(1, value))).toFixed(3)})` }, title: `${texts[i]} / ${texts[j]}`,
    }, i === j ? "·" : value.toFixed(2))))))))];
}

function embedded({ vector }) {
  return [h("p", {}, `A vector of ${count(vector.length)} numbers.`), h("p", { class: "at-marked at-quiet" }, `${vector.slice(0, SHOWN).map((value) => value.toFixed(4)).join(", ")}, …`)];
}

const other = (answer) => [h("pre", {}, JSON.stringify(answer, null, 1))];
