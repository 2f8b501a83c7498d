// The API's description as a page, made from its own openapi.json.
import { code, dress, h } from "./core.js";

export async function mount(element) {
  await dress(element, import.meta.url);
  document.documentElement.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
  const described = await (await fetch("/api/openapi.json")).json();
  const routes = Object.entries(described.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => ({ path, method, about })));
  element.style.cssText = "max-width:900px;margin:0 auto;padding:24px;font-family:system-ui,sans-serif";
  document.body.style.cssText = "margin:0;background:var(--page, Canvas)";
  element.replaceChildren(h("div", { class: "at-stack" },
    h("h1", {}, described.info.title), h("p", { style: { "white-space": "pre-line" } }, described.info.description), h("p", {}, h("a", { href: "/api/openapi.json" }, "openapi.json"), " · ", h("a", { href: "/" }, "the app")),
    routes.map(({ path, method, about }) => h("details", { class: "at-card" }, h("summary", {}, h("b", {}, method.toUpperCase()), ` /api${path}`, h("span", { class: "at-quiet" }, `  ${(about.description || "").split("\n")[0]}`)),
      (about.parameters || []).length ? h("ul", {}, about.parameters.map((one) => h("li", {}, `${one.name} (${one.in}${one.required ? "" : ", optional"}) ${one.description || one.schema.description || ""}`))) : null,
      about.requestBody ? code(JSON.stringify(resolve(described, Object.values(about.requestBody.content)[0].schema), null, 2)) : null))));
}

function resolve(described, schema) {
  if (!schema || !schema.$ref) return schema;
  return schema.$ref.split("/").slice(1).reduce((place, name) => place[name], described);
}
