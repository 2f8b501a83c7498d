"""The imported datasets."""

from __future__ import annotations

from autotrain.ui.charts import live_page
from autotrain.ui.services import Services


def data_page(services: Services) -> None:
    """Lay out the page inside the blocks that are open. `static/data.js` fills it."""
    live_page("data")
