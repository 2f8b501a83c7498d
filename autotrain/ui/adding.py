"""Adds models in threads of the web process and remembers how far each one is."""

from __future__ import annotations

import logging
import threading

from pydantic import BaseModel

from autotrain.errors import AutotrainError
from autotrain.models.starter import add_model
from autotrain.ui.services import Services

log = logging.getLogger(__name__)


class Progress(BaseModel):
    """How far the adding of a model is. `fraction` is None while it cannot be known."""

    text: str
    fraction: float | None = None
    done: bool = False
    error: str | None = None


class Adding:
    """One thread for each model that is being added. If this process ends, nothing half-finished is left."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._progress: dict[str, Progress] = {}

    def progress(self, name: str) -> Progress | None:
        """How far it is; None when nobody asked for it since this process began."""
        return self._progress.get(name)

    def start(self, name: str) -> Progress:
        """Begin, unless it is under way."""
        with self._lock:
            known = self._progress.get(name)
            if known is not None and not known.done:
                return known
            self._progress[name] = Progress(text="Starting")
        threading.Thread(target=self._add, args=(name,), daemon=True, name=f"add {name}").start()
        return self._progress[name]

    def _add(self, name: str) -> None:
        from autotrain.hub.download import download_into

        def show(text: str, fraction: float | None) -> None:
            self._progress[name] = Progress(text=text, fraction=fraction)

        try:
            add_model(name, self._services.settings, progress=show, hub_download=download_into)
            self._progress[name] = Progress(text="Ready", fraction=1.0, done=True)
        except AutotrainError as error:
            self._progress[name] = Progress(text="Not added", done=True, error=error.message)
        except Exception:
            log.exception("adding %s failed", name)
            sentence = "This should not have happened. The web process's log has the details."
            self._progress[name] = Progress(text="Not added", done=True, error=sentence)
