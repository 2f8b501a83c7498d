"""Where a page's script takes over: a place in the page that a module of `static/` fills and keeps up to date."""

from __future__ import annotations

import gradio as gr

from autotrain.ui.api.static import module_url


def live_page(module: str) -> gr.HTML:
    """A place that `static/<module>.js` fills from plain JSON routes, which cost a tenth of a component's update."""
    url = module_url(f"{module}.js")
    return gr.HTML(
        f'<div id="studio-{module}"><p>Opening…</p></div>',
        js_on_load=f"import('{url}').then((page) => page.mount(element.querySelector('#studio-{module}')));",
        apply_default_css=False,
        padding=False,
    )
