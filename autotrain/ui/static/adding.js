// A model that is added by name: what it is, how far its adding is, and the button that begins or cancels it.

import { api, busy, bytes, h, problem, progressBar } from "./core.js";

export const underWay = (one) => Boolean(one.progress && !one.progress.done);

// `again` is called after each press, to ask anew how far everything is.
export function addableRow(root, one, again) {
  const press = (options, title) => h("button", { type: "button", class: "at-button at-small", onclick: (event) => busy(root, event.currentTarget, async () => { await api(...options); await again(); }) }, title);
  const begin = ["/models/addable", { method: "POST", json: { name: one.name } }];
  const cancel = [`/models/addable/${encodeURIComponent(one.name)}`, { method: "DELETE" }];
  return h("div", { "data-addable": one.name },
    h("div", {}, h("b", {}, one.title), h("p", { class: "at-quiet" }, one.reason), h("p", { class: "at-small-text" }, `${one.license}, downloads ${bytes(one.download_bytes)}, needs ${bytes(one.size_bytes)} on the disk`),
      underWay(one) ? [h("p", { class: "at-small-text", role: "status" }, one.progress.text), progressBar(one.progress.fraction, one.progress.text)] : null,
      one.progress && one.progress.error ? problem(one.progress.error) : null),
    one.here ? h("span", { class: "at-pill at-tone-good" }, h("i"), "On this machine")
      : underWay(one) ? press(cancel, "Cancel") : press(begin, one.progress && one.progress.error ? "Try again" : `Add ${one.title}`));
}
