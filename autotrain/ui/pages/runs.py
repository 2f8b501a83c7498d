"""The list of runs: find one, see how all stand, choose several to compare."""

from __future__ import annotations

from autotrain.ui.charts import live_page
from autotrain.ui.services import Services


def runs_page(services: Services) -> None:
    """Lay out the page inside the blocks that are open. `static/runs.js` fills it."""
    live_page("runs")
