// Data: the imported tables. Open one in a new run, or delete it.

import { api, ask, busy, bytes, count, dress, h, patch, problem, Refusal, when } from "./core.js";

export async function mount(element) {
  await dress(element, import.meta.url);
  const body = h("div", { class: "at-rowlist" });
  const list = async () => {
    try {
      const found = await api("/datasets");
      patch(body, found, () => (found.length ? found.map((one) => row(element, one, list)) : h("div", { class: "at-empty" }, h("p", {}, "No data yet. Drop a table on the page New run, or start with a sample there."), h("a", { class: "at-button at-primary", href: "/" }, "Choose data"))));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      body.replaceChildren(problem(error.message, h("button", { class: "at-button at-small", onclick: list }, "Try again")));
    }
  };
  element.replaceChildren(h("div", { class: "at-stack" },
    h("div", { class: "at-spread" }, h("h1", {}, "Data"), h("a", { class: "at-button at-primary", href: "/" }, "New run")),
    h("section", { class: "at-card" }, body)));
  await list();
}

const users = (runs) => (runs.length ? h("p", { class: "at-small-text" }, "Used by ", runs.slice(0, 3).map((run, place) => [place ? ", " : "", h("a", { href: `/run?id=${run.id}` }, run.name)]), runs.length > 3 ? ` and ${count(runs.length - 3)} more` : "") : null);

const row = (root, one, list) => h("div", { "data-dataset": one.id },
  h("div", {}, h("b", {}, one.name), h("p", { class: "at-quiet" }, `${count(one.rows)} rows, ${one.columns.length} columns: ${one.columns.slice(0, 8).join(", ")}${one.columns.length > 8 ? "…" : ""}`), h("p", { class: "at-small-text" }, [one.size_bytes === undefined ? null : bytes(one.size_bytes), one.disk_bytes > one.size_bytes ? `${bytes(one.disk_bytes)} on disk` : null, `imported ${when(one.created_at)}`].filter(Boolean).join(", ")), users(one.used_by)),
  h("div", { class: "at-actions" }, h("a", { class: "at-button at-small", href: `/?dataset=${one.id}` }, "New run with it"),
    h("button", { type: "button", class: "at-button at-small", onclick: async () => {
      const name = window.prompt("A new name", one.name);
      if (name && name.trim()) { await api(`/datasets/${one.id}`, { method: "PATCH", json: { name: name.trim() } }); await list(); }
    } }, "Rename"),
    h("button", { type: "button", class: "at-button at-small", onclick: async (event) => {
      const button = event.currentTarget;
      if (!(await ask(root, { heading: `Delete ${one.name}?`, text: "The imported rows are deleted from this machine. Runs keep their own copy.", confirm: "Delete", danger: true, refuse: "Keep" }))) return;
      await busy(root, button, async () => {
        try {
          await api(`/datasets/${one.id}`, { method: "DELETE" });
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          button.closest("[data-dataset]").append(problem(error.message));
          return;
        }
        await list();
      });
    } }, "Delete")));
