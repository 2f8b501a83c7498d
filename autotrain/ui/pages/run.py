"""One run: header, curves, result, try it, publish, files and log."""

from __future__ import annotations

from autotrain.ui.charts import live_page
from autotrain.ui.services import Services


def run_page(services: Services) -> None:
    """Lay out the page inside the blocks that are open. `static/run.js` fills it."""
    live_page("run")
