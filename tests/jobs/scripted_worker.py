"""A real worker whose trainers follow scripts: `python -m tests.jobs.scripted_worker`."""

from __future__ import annotations

from jobs.launchers.local import LocalLauncher
from jobs.worker import main
from tests.jobs.conftest import scripted

if __name__ == "__main__":
    main(LocalLauncher(scripted))
