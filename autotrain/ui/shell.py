"""The frame of every page: the navigation on the left (below, on a phone) and the place for the page beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from autotrain.ui.services import Services

Page = Callable[[Services], None]


@dataclass(frozen=True)
class Place:
    """A page with its address. Those with an icon stand in the navigation."""

    title: str
    path: str
    page: Page
    icon: str = ""


ICONS = {
    "new": '<path d="M12 5v14M5 12h14"/>',
    "runs": '<path d="M4 18l5-7 4 4 7-10"/>',
    "models": '<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9z"/><path d="M4 7.5l8 4.5 8-4.5M12 12v9"/>',
    "data": '<rect x="4" y="4" width="16" height="16" rx="2"/><path d="M4 10h16M4 15h16M10 4v16"/>',
    "settings": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
}


def frame(place: Place, places: tuple[Place, ...], services: Services) -> None:
    """Lay out navigation and page inside the blocks that are open."""
    gr.Navbar(visible=False)
    with gr.Row(elem_id="studio-frame", equal_height=False):
        gr.HTML(navigation(place.path, places), elem_id="studio-side", apply_default_css=False, padding=False)
        with gr.Column(elem_id="studio-main"):
            place.page(services)


def navigation(path: str, places: tuple[Place, ...]) -> str:
    """The links as HTML. Nothing a user wrote is in it."""
    at = "/runs" if path in {"/run", "/compare"} else path
    links = "".join(_link(place, place.path == at) for place in places if place.icon)
    return (
        '<a class="studio-skip" href="#studio-content">Skip to the page</a>'
        f'<a class="studio-brand" href="/">{_MARK}<span>AutoTrain <b>Studio</b></span></a>'
        f'<nav class="studio-nav" aria-label="Main">{links}</nav>'
        '<p class="studio-foot"><a href="/api/docs">API</a></p>'
    )


def _link(place: Place, here: bool) -> str:
    current = ' aria-current="page"' if here else ""
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true">{ICONS[place.icon]}</svg>'
    return f'<a href="{place.path}"{current}>{icon}<span>{place.title}</span></a>'


_MARK = (
    '<svg class="studio-mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"/>'
    '<path d="M7 21c5 0 5-10 10-10 3 0 4 3 8 3"/><circle cx="25" cy="14" r="2.4"/></svg>'
)
