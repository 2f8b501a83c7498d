import { dress, h } from "./core.js";

export async function mount(element) {
  await dress(element, import.meta.url);
  element.replaceChildren(h("h1", {}, "…"));
}
