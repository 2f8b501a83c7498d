"""The base models of this machine."""

from __future__ import annotations

from autotrain.ui.charts import live_page
from autotrain.ui.services import Services


def models_page(services: Services) -> None:
    """Lay out the page inside the blocks that are open. `static/models.js` fills it."""
    live_page("models")
