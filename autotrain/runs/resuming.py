"""Where a run goes on from, in words: the same on the page, over HTTP, in the terminal and in Python."""

from __future__ import annotations

import time

from autotrain.runs.store import Run


def where_it_goes_on(run: Run) -> str:
    """From its last checkpoint; or from the beginning, and why."""
    if run.checkpoint is not None:
        return f"It goes on from its checkpoint at step {run.checkpoint_step:,}."
    if run.pruned_at is not None:
        day = time.strftime("%Y-%m-%d", time.localtime(run.pruned_at))
        return f"Its checkpoints were deleted on {day} to free disk space, so it starts from the beginning."
    return "It has no checkpoint yet, so it starts from the beginning."
