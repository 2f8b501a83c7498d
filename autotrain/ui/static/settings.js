// Settings: the Hub token, the appearance, this machine and its versions.

import { api, busy, bytes, dress, h, patch, problem, Refusal } from "./core.js";
import { appearance, setAppearance } from "./shell.js";

const ORIGINS = { settings: "saved here, encrypted", environment: "from the environment (HF_TOKEN)", login: "from the Hub's own login on this machine" };

export async function mount(element) {
  await dress(element, import.meta.url);
  const account = h("section", { class: "at-card" });
  const machine = h("section", { class: "at-card" }, h("h2", {}, "This machine"), h("p", { class: "at-quiet" }, "Looking…"));
  const judge = h("section", { class: "at-card" });
  const disk = h("section", { class: "at-card" }, h("h2", {}, "Disk"), h("p", { class: "at-quiet" }, "Adding up…"));
  element.replaceChildren(h("div", { class: "at-stack" }, h("h1", {}, "Settings"), account, judge, look(), disk, machine));
  await Promise.all([showAccount(element, account), showJudge(judge), showDisk(element, disk), showMachine(machine)]);
}

async function showAccount(root, card) {
  let state;
  try { state = await api("/account"); } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    state = { has_token: false, origin: null, trouble: error.message };
  }
  const said = h("div", { "aria-live": "polite" });
  const input = h("input", { class: "at-input", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "hf_…", id: "hub-token" });
  const act = (button, action) => busy(root, button, async () => {
    try { said.replaceChildren((await action()) || ""); } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      said.replaceChildren(problem(error.message));
    }
  });
  const test = async () => {
    const who = await api("/account/identity", { method: "POST" });
    return h("div", { class: `at-notice ${who.can_write ? "at-good" : "at-warn"}` }, h("p", {}, who.can_write ? `It works: this is ${who.name}, who may publish to ${who.writable.join(", ")}.` : `This is ${who.name}, but the token may only read. Make one with write permission to publish.`));
  };
  const save = async () => {
    if (!input.value.trim()) { input.focus(); return null; }
    await api("/account", { method: "PUT", json: { token: input.value } });
    await showAccount(root, card);
    return null;
  };
  card.replaceChildren(h("h2", {}, "Hugging Face Hub"),
    h("p", { class: "at-hint" }, "A token is needed to publish, and for models whose owners ask who downloads them. Make one with write permission under ", h("a", { href: "https://huggingface.co/settings/tokens", target: "_blank", rel: "noopener" }, "Access Tokens"), "."),
    h("div", { class: "at-spread" }, h("p", {}, state.has_token ? ["A token is there, ", ORIGINS[state.origin] || state.origin, "."] : "There is no token yet."),
      state.has_token ? h("div", { class: "at-actions" }, h("button", { type: "button", class: "at-button at-small", onclick: (event) => act(event.currentTarget, test) }, "Test it"),
        state.origin === "settings" ? h("button", { type: "button", class: "at-button at-small", onclick: (event) => act(event.currentTarget, async () => { await api("/account", { method: "DELETE" }); await showAccount(root, card); }) }, "Forget it") : null) : null),
    h("form", { class: "at-token", onsubmit: (event) => { event.preventDefault(); act(event.currentTarget.querySelector("button"), save); } },
      h("div", { class: "at-field" }, h("label", { for: "hub-token" }, state.has_token ? "Another token" : "Token"), input), h("button", { type: "submit", class: "at-button" }, "Save")), said);
  if (state.trouble) said.replaceChildren(problem(state.trouble));
}

async function showJudge(card) {
  const said = h("div", { "aria-live": "polite" });
  const guarded = async (action) => {
    try { await action(); } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      said.replaceChildren(problem(error.message));
    }
  };
  let found = { url: null, model: null, has_key: false, origin: null };
  await guarded(async () => { found = await api("/judge"); });
  const field = (id, label, attributes) => {
    const input = h("input", { class: "at-input", id, autocomplete: "off", spellcheck: "false", ...attributes });
    return [input, h("div", { class: "at-field" }, h("label", { for: id }, label), input)];
  };
  const [url, urlField] = field("judge-url", "Address", { type: "url", placeholder: "https://api.example.com/v1", value: found.url || "" });
  const [model, modelField] = field("judge-model", "Model", { type: "text", value: found.model || "" });
  const [key, keyField] = field("judge-key", found.has_key ? "Another key" : "Key, if it wants one", { type: "password" });
  const save = () => guarded(async () => {
    await api("/judge", { method: "PUT", json: { url: url.value, model: model.value, key: key.value || null } });
    await showJudge(card);
  });
  const forget = () => guarded(async () => { await api("/judge", { method: "DELETE" }); await showJudge(card); });
  card.replaceChildren(h("h2", {}, "Judge of answers"),
    h("p", { class: "at-hint" }, "Another model may compare the answers of a tuned chat model with those of its base: any endpoint that speaks like OpenAI's, also one on this machine. It is asked only when you press the button on a result."),
    h("div", { class: "at-spread" }, h("p", {}, found.url ? `${found.model} at ${found.url}${found.has_key ? ", with a key" : ""}, ${found.origin === "environment" ? "from the environment" : "saved here, encrypted"}.` : "There is no judge yet."),
      found.origin === "settings" ? h("button", { type: "button", class: "at-button at-small", onclick: forget }, "Forget it") : null),
    h("form", { class: "at-stack", onsubmit: (event) => { event.preventDefault(); save(); } }, urlField, modelField, keyField, h("button", { type: "submit", class: "at-button", style: { "justify-self": "start" } }, "Save")), said);
}

function look() {
  const names = { system: "Like this device", light: "Light", dark: "Dark" };
  const buttons = Object.keys(names).map((key) => h("button", { type: "button", "aria-pressed": String(appearance() === key), onclick: () => { setAppearance(key); buttons.forEach((each, at) => each.setAttribute("aria-pressed", String(Object.keys(names)[at] === key))); } }, names[key]));
  return h("section", { class: "at-card" }, h("h2", {}, "Appearance"), h("div", { class: "at-choices", role: "group", "aria-label": "Appearance" }, buttons));
}

async function showDisk(root, card, freed = "") {
  try {
    const held = await api("/storage");
    const may = held.prunable.reduce((sum, one) => sum + one.size_bytes, 0);
    const said = h("div", { "aria-live": "polite" }, freed);
    const free = (event) => busy(root, event.currentTarget, async () => {
      try {
        const done = await api("/storage/prune", { method: "POST" });
        await showDisk(root, card, h("div", { class: "at-notice at-good" }, h("p", {}, `${bytes(done.size_bytes)} freed.`)));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        said.replaceChildren(problem(error.message));
      }
    });
    const facts = { Runs: held.runs, Checkpoints: held.checkpoints, Datasets: held.datasets, "Models added here": held.models, "Free on this disk": held.free };
    card.replaceChildren(h("h2", {}, "Disk"), h("div", { class: "at-stack" },
      h("dl", { class: "at-facts-grid" }, Object.entries(facts).map(([name, size]) => [h("dt", {}, name), h("dd", {}, bytes(size))])),
      h("p", { class: "at-hint" }, `Checkpoints to go on from are kept for ${held.kept_days} ${held.kept_days === 1 ? "day" : "days"} after a run stopped; a worker deletes them then. Adapters, reports and recipes stay until you delete their run.`),
      may ? h("details", {}, h("summary", {}, held.prunable.length === 1 ? "1 run's checkpoints may go now" : `The checkpoints of ${held.prunable.length} runs may go now`),
        h("ul", { style: { "padding-left": "1.25rem" } }, held.prunable.map((one) => h("li", {}, h("b", {}, one.name), ` ${bytes(one.size_bytes)}. ${one.reason}`)))) : null,
      may ? h("button", { type: "button", class: "at-button", style: { "justify-self": "start" }, onclick: free }, `Free ${bytes(may)}`) : null, said));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    card.replaceChildren(h("h2", {}, "Disk"), problem(error.message));
  }
}

async function showMachine(card) {
  try {
    const here = await api("/machine");
    const facts = {
      Processor: `${here.cpu}, ${here.cpu_count} ${here.cpu_count === 1 ? "core" : "cores"}`,
      "Graphics cards": here.devices.length ? here.devices.map((one) => `${one.title}, ${bytes(one.memory_free)} of ${bytes(one.memory_total)} free`).join("; ") : "None; training uses the processor",
      Memory: `${bytes(here.memory_available)} of ${bytes(here.memory_total)} free`, Disk: `${bytes(here.disk_free)} free`, "Data home": here.home,
      ...here.versions,
    };
    card.replaceChildren(h("h2", {}, "This machine"), h("dl", { class: "at-facts-grid" }, Object.entries(facts).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    card.replaceChildren(h("h2", {}, "This machine"), problem(error.message));
  }
}
