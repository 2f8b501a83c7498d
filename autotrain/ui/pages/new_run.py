"""New run: data, model and training on one page, with a summary always in sight."""

from __future__ import annotations

from autotrain.ui.charts import live_page
from autotrain.ui.services import Services


def new_run_page(services: Services) -> None:
    """Lay out the page inside the blocks that are open. `static/new-run.js` fills it."""
    live_page("new-run")
