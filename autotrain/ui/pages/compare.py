"""Several runs side by side: curves over each other, and only what differs."""

from __future__ import annotations

from autotrain.ui.charts import live_page
from autotrain.ui.services import Services


def compare_page(services: Services) -> None:
    """Lay out the page inside the blocks that are open. `static/compare.js` fills it."""
    live_page("compare")
