"""Adds models, each in a child process: converting weights needs libraries that the web process must not load.

`python -m autotrain.ui.adding NAME` is that process; it says how far it is in JSON lines.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading

from pydantic import BaseModel, ValidationError

from autotrain.errors import AutotrainError
from autotrain.settings import Settings, load_settings

log = logging.getLogger(__name__)

_UNEXPECTED = "The model was not added, and this should not have happened. The web process's log has the details."


class Progress(BaseModel):
    """How far the adding of a model is. `fraction` is None while it cannot be known."""

    text: str
    fraction: float | None = None
    done: bool = False
    error: str | None = None


class Adding:
    """One child for each model that is being added. If it ends early, nothing half-finished is ever seen as a model."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._progress: dict[str, Progress] = {}
        self._children: dict[str, subprocess.Popen[str]] = {}

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
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", "autotrain.ui.adding", name],
                env=os.environ | {"AUTOTRAIN_HOME": str(self._settings.root)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
        threading.Thread(target=self._follow, args=(name,), daemon=True, name=f"add {name}").start()
        return self._progress[name]

    def cancel(self, name: str) -> None:
        """End the child; what it had built is swept away the next time."""
        child = self._children.get(name)
        if child is not None and child.poll() is None:
            self._progress[name] = Progress(text="Cancelled", done=True)
            child.terminate()

    def _follow(self, name: str) -> None:
        child = self._children[name]
        assert child.stdout is not None
        with child:
            for line in child.stdout:
                try:
                    told = Progress.model_validate_json(line)
                except ValidationError:  # a library's own words
                    continue
                if not self._progress[name].done:
                    self._progress[name] = told
        if not self._progress[name].done:
            log.error("adding %s ended with %s", name, child.returncode)
            self._progress[name] = Progress(text="Not added", done=True, error=_UNEXPECTED)


def main(name: str) -> None:
    """Add a model and print how far it is."""
    from autotrain.hub.download import download_into
    from autotrain.models.starter import add_model

    def show(text: str, fraction: float | None) -> None:
        _say(Progress(text=text, fraction=fraction))

    try:
        add_model(name, load_settings(), progress=show, hub_download=download_into)
        _say(Progress(text="Ready", fraction=1.0, done=True))
    except AutotrainError as error:
        _say(Progress(text="Not added", done=True, error=error.message))


def _say(progress: Progress) -> None:
    sys.stdout.write(json.dumps(progress.model_dump()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
