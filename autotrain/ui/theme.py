"""The look of the app: colours and system fonts for light and dark, with no file from outside this machine."""

from __future__ import annotations

import gradio as gr
from gradio.themes.base import Base

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

# Chosen before the first paint, so that a dark page never flashes white. Gradio reads the same class.
_CHOOSE_MODE = """
(() => {
  const wish = localStorage.getItem("studio-theme");
  const dark = wish ? wish === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const apply = () => document.body && document.body.classList.toggle("dark", dark);
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  document.documentElement.style.background = dark ? "#12151c" : "#f5f6f9";
  apply();
  new MutationObserver((_, watch) => { if (document.body) { apply(); watch.disconnect(); } })
    .observe(document.documentElement, { childList: true });
  addEventListener("load", () => [0, 60, 400].forEach((pause) => setTimeout(apply, pause)));
})();
"""


def theme() -> Base:
    """Gradio's own colours and fonts, in step with the style sheets of `static/`."""
    return gr.themes.Base(font=FONTS, font_mono=MONOSPACE, text_size="md", radius_size="md").set(
        body_background_fill="#f5f6f9",
        body_background_fill_dark="#12151c",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1a1e27",
        background_fill_secondary="#f5f6f9",
        background_fill_secondary_dark="#12151c",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1a1e27",
        input_background_fill="#ffffff",
        input_background_fill_dark="#141820",
        border_color_primary="#dce0e8",
        border_color_primary_dark="#303642",
        body_text_color="#1a2030",
        body_text_color_dark="#e7eaf0",
        body_text_color_subdued="#596273",
        body_text_color_subdued_dark="#a7b0c0",
    )


def head(styles: tuple[str, ...], script: str) -> str:
    """What goes into every page's head: the mode before the first paint, the style sheets, the frame's script."""
    sheets = "".join(f'<link rel="stylesheet" href="{style}">' for style in styles)
    return (
        f"<script>{_CHOOSE_MODE}</script>{sheets}"
        f'<script type="module" src="{script}"></script><meta name="color-scheme" content="light dark">'
    )
