// The frame's few lines of behaviour: which appearance is wished, remembered on this device.

const KEY = "studio-theme";

export const appearance = () => localStorage.getItem(KEY) || "system";

export function setAppearance(wish) {
  if (wish === "system") localStorage.removeItem(KEY); else localStorage.setItem(KEY, wish);
  show();
}

function show() {
  const wish = appearance();
  const dark = wish === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : wish === "dark";
  document.body.classList.toggle("dark", dark);
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  document.documentElement.style.background = dark ? "#12151c" : "#f5f6f9";
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
