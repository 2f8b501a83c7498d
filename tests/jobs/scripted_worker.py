"""A real worker whose trainers follow scripts: `python -m tests.jobs.scripted_worker`. `TEST_HOST` names its host."""

from __future__ import annotations

import os
import socket

from jobs.launchers.local import LocalLauncher
from jobs.worker import main
from tests.jobs.conftest import scripted

if __name__ == "__main__":
    host = os.environ.get("TEST_HOST") or socket.gethostname()
    socket.gethostname = lambda: host
    main(LocalLauncher(scripted))
