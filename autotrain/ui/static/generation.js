// Asking an adapter that writes: its settings, and its answer piece by piece.
import { h, Refusal } from "./core.js";

// The form of the sampling settings; `value` reads it.
export function sampling(playground, { system = false } = {}) {
  const inputs = new Map();
  const fields = playground.sampling.map((widget) => {
    const input = h("input", { class: "at-input", type: "number", name: widget.name, value: String(widget.default), step: widget.kind === "integer" ? "1" : "0.05", min: widget.minimum ?? widget.above ?? null, max: widget.maximum ?? widget.below ?? null });
    inputs.set(widget.name, input);
    return h("label", { class: "at-field" }, h("span", {}, widget.title), input);
  });
  const both = h("input", { type: "checkbox", checked: true });
  const instructions = system ? h("textarea", { class: "at-input", rows: "2", placeholder: "You are a helpful assistant.", "aria-label": "System prompt" }) : null;
  const element = h("details", { class: "at-more" }, h("summary", {}, "How it writes"),
    h("div", { class: "at-sampling" }, fields), instructions ? h("label", { class: "at-field" }, h("span", {}, "System prompt"), instructions) : null,
    h("label", { class: "at-check" }, both, " Let the base model answer too, without the adapter"));
  return {
    element,
    value: () => ({ sampling: Object.fromEntries([...inputs].filter(([, input]) => input.value !== "").map(([name, input]) => [name, Number(input.value)])), both: both.checked, system: instructions ? instructions.value.trim() : "" }),
  };
}

// The answer to one input; `said` is called with each piece. Throws Refusal.
export async function streamed(run, body, said, signal = null) {
  const response = await fetch(`/api/runs/${run}/predict/stream`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "offline", "The app does not answer. Is it still running?");
  });
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new Refusal(response.status, (told.error || {}).code || "unknown", (told.error || {}).message || `The app answered ${response.status}.`);
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    waiting += decoder.decode(value || new Uint8Array(), { stream: !done });
    const lines = waiting.split("\n");
    waiting = lines.pop();
    for (const line of lines.filter(Boolean)) {
      const told = JSON.parse(line);
      if (told.error) throw new Refusal(500, told.error.code, told.error.message);
      if (told.said !== undefined) said(told.said);
      if (told.predictions) return told.predictions[0];
    }
    if (done) throw new Refusal(0, "offline", "The answer broke off. Ask again.");
  }
}
