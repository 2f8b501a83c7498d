// Elements, requests, numbers, polling, dialogs: what every page of the app is made of.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style" && typeof value === "object") {
      for (const [key, entry] of Object.entries(value)) element.style.setProperty(key, entry);
    } else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

// An element. Text always becomes a text node, never markup: a user's words cannot become part of the page.
export const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

// Rebuild an element's children only when what they show has changed, so nothing flickers or loses the focus.
export function patch(element, shown, make) {
  const key = JSON.stringify(shown);
  if (element.shownKey === key) return element;
  element.shownKey = key;
  element.replaceChildren();
  append(element, [make(shown)]);
  return element;
}

export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

// ---------------------------------------------------------------------------------------------------- requests

export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function api(path, { method = "GET", json, body, signal } = {}) {
  const headers = json === undefined ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(`/api${path}`, { method, headers, signal, body: json === undefined ? body : JSON.stringify(json) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "offline", "The app does not answer. It may be restarting; this page goes on by itself.");
  }
  if (response.status === 204) return null;
  let answer = null;
  try { answer = await response.json(); } catch { /* an answer without a body, or a proxy's page */ }
  if (!response.ok) {
    const problem = (answer && answer.error) || {};
    const gone = response.status >= 502 && response.status <= 504;
    throw new Refusal(gone && !problem.code ? 0 : response.status, problem.code || "unknown",
      problem.message || `The app answered ${response.status} ${response.statusText}.`);
  }
  return answer;
}

// Calls `ask` again and again while it returns true. Rests while the tab is hidden; goes on when the app is back.
export class Poller {
  constructor(ask, { every = 1000, onConnection = () => {} } = {}) {
    Object.assign(this, { ask, every, onConnection, failures: 0, timer: null, running: false, stopped: true });
    this.visible = () => { if (!document.hidden && !this.stopped) this.now(); };
  }

  start() {
    this.stopped = false;
    document.addEventListener("visibilitychange", this.visible);
    window.addEventListener("online", this.visible);
    return this.now();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.visible);
    window.removeEventListener("online", this.visible);
  }

  async now() {
    clearTimeout(this.timer);
    if (this.running) { this.again = true; return; }
    this.running = true;
    let goOn = true;
    try {
      goOn = await this.ask();
      if (this.failures) this.onConnection(true);
      this.failures = 0;
    } catch (error) {
      if (!(error instanceof Refusal)) { this.running = false; throw error; }
      if (error.status && error.status < 500) { this.stop(); this.running = false; this.onConnection(true, error); return; }
      this.failures += 1;
      this.onConnection(false, error);
    }
    this.running = false;
    if (this.again) { this.again = false; this.now(); return; }
    if (goOn === false) { this.stop(); return; }
    const pause = this.failures ? Math.min(5000, this.every * (1 + this.failures)) : this.every;
    if (!this.stopped && !document.hidden) this.timer = setTimeout(() => this.now(), pause);
  }
}

// ----------------------------------------------------------------------------------------------------- numbers

export const percent = (value, digits = 1) => (value === null || value === undefined ? "–" : `${(value * 100).toFixed(digits)}\u00a0%`);
export const count = (value) => (value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en"));

export function duration(seconds) {
  if (seconds === null || seconds === undefined || !isFinite(seconds)) return "–";
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) return `${total}\u00a0s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return `${minutes} min ${String(total % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export function bytes(size) {
  if (size === null || size === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = size;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`.replace(" ", "\u00a0");
}

export function when(seconds) {
  if (!seconds) return "–";
  const ago = Date.now() / 1000 - seconds;
  if (ago < 60) return "just now";
  if (ago < 3600) return `${Math.floor(ago / 60)} min ago`;
  if (ago < 86400) return `${Math.floor(ago / 3600)} h ago`;
  if (ago < 7 * 86400) return `${Math.floor(ago / 86400)} d ago`;
  return new Date(seconds * 1000).toLocaleDateString();
}

export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

// Four significant digits; small numbers as a power of ten, as learning rates are written.
export function figure(value) {
  if (value === null || value === undefined || !isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(2).replace("e-", "e−");
  if (size >= 10000) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 4);
}

// ------------------------------------------------------------------------------------------ dialogs and notices

export function ask(root, { heading, text, confirm, danger = false, refuse = "Not now" }) {
  return new Promise((resolve) => {
    const id = `dialog-${Math.random().toString(36).slice(2)}`;
    const close = (answer) => { dialog.close(); dialog.remove(); resolve(answer); };
    const dialog = h("dialog", { class: "at-dialog", "aria-labelledby": id, oncancel: (event) => { event.preventDefault(); close(false); } },
      h("h2", { id }, heading),
      [text].flat().map((line) => h("p", {}, line)),
      h("div", { class: "at-actions at-end" },
        h("button", { type: "button", class: "at-button", onclick: () => close(false) }, refuse),
        h("button", { type: "button", class: `at-button ${danger ? "at-danger" : "at-primary"}`, onclick: () => close(true) }, confirm)));
    dialog.addEventListener("click", (event) => { if (event.target === dialog) close(false); });
    root.append(dialog);
    dialog.showModal();
  });
}

export function toast(root, text, kind = "info") {
  let shelf = root.querySelector(":scope > .at-toasts");
  if (!shelf) root.append((shelf = h("div", { class: "at-toasts", role: "status", "aria-live": "polite" })));
  const note = h("div", { class: `at-toast at-${kind}` }, text);
  shelf.append(note);
  setTimeout(() => note.remove(), kind === "error" ? 9000 : 4000);
}

// Runs an action for a button: the button says so at once, cannot be pressed twice, and a refusal is shown in words.
export async function busy(root, button, action) {
  if (button.disabled) return undefined;
  button.disabled = true;
  button.classList.add("at-busy");
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    toast(root, error.message, "error");
    return undefined;
  } finally {
    button.disabled = false;
    button.classList.remove("at-busy");
  }
}

export async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page that is not served over https may not use the clipboard
    const area = h("textarea", { value: text, style: { position: "fixed", opacity: "0" } });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

export const code = (text) => h("div", { class: "at-code" },
  h("button", { type: "button", class: "at-button at-small", onclick: (event) => copy(event.currentTarget, text) }, "Copy"),
  h("pre", { tabindex: "0" }, text));

// --------------------------------------------------------------------------------------------------- furniture

const TONES = {
  draft: "quiet", queued: "wait", starting: "work", running: "work", pausing: "wait", paused: "wait", cancelling: "wait",
  cancelled: "quiet", succeeded: "good", failed: "bad",
};

export const pill = (state, words) => h("span", { class: `at-pill at-tone-${TONES[state] || "quiet"}`, "data-state": state },
  h("i", { "aria-hidden": "true" }), words);

export const problem = (text, ...rest) => h("div", { class: "at-notice at-bad", role: "alert" }, h("p", {}, text), rest);

export function progressBar(fraction, label) {
  const known = fraction !== null && fraction !== undefined;
  return h("div", {
    class: `at-bar ${known ? "" : "at-unknown"}`, role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100",
    "aria-valuenow": known ? Math.round(fraction * 100) : null,
  }, h("i", { style: { width: known ? `${(fraction * 100).toFixed(1)}%` : "30%" } }));
}

// Lets the style sheet arrive before the first element is shown, so that nothing is seen undressed.
export function dress(element, base) {
  element.classList.add("at");
  const href = new URL("studio.css", base).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return Promise.resolve();
  return new Promise((resolve) => {
    const link = h("link", { rel: "stylesheet", href });
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

// A model by its name: of a folder on this machine the last part.
export const modelName = (id) => (/^[./~]/.test(id) ? id.replace(/\/+$/, "").split("/").pop() : id);
