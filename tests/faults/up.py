"""`autotrain up`, whose worker's trainers keep records of their lives: `python -m tests.faults.up`."""

from __future__ import annotations

import sys
from pathlib import Path

from autotrain.settings import load_settings
from jobs import up


def root() -> Path:
    """Where the Procfile lies that starts such a worker."""
    return Path(__file__).parent


if __name__ == "__main__":
    up.root = root
    sys.exit(up.up(load_settings()))
