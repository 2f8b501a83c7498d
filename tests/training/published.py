"""A manual's Python as a reader runs it: in its own process, the adapter on a Hub that the real client asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from autotrain.tasks import TASKS
from tests.doubles import start_hub_double


def printed(task: str, artifact: Path, model: Path, folder: Path, then: str = "") -> str:
    """What the manual's program prints, followed by further statements; the base is a folder."""
    with start_hub_double(folder) as hub:
        hub.add_model("alice/adapter", {path.name: path.read_bytes() for path in artifact.iterdir() if path.is_file()})
        environment = {**os.environ, **hub.environment(folder / "reader"), "HF_TOKEN": hub.token}
        program = f"{TASKS[task].manual.python('alice/adapter', str(model))}\n{then}"
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    return done.stdout
