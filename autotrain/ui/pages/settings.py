"""Hub token, appearance, and what this machine is and has."""

from __future__ import annotations

from autotrain.ui.charts import live_page
from autotrain.ui.services import Services


def settings_page(services: Services) -> None:
    """Lay out the page inside the blocks that are open. `static/settings.js` fills it."""
    live_page("settings")
