"""How long checkpoints are kept. Pure: a run's state and rest in, a sentence or nothing out."""

from __future__ import annotations

from dataclasses import dataclass

from autotrain.runs.state import WORDS
from autotrain.runs.store import Resting
from autotrain.settings import Settings

DAY = 86_400.0


@dataclass(frozen=True)
class Policy:
    """Seconds that checkpoints are kept after a run came to rest: of one that may go on, and of one that succeeded."""

    going_on: float
    finished: float

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy that the settings say."""
        return cls(settings.checkpoint_retention_days * DAY, settings.finished_checkpoint_retention_days * DAY)

    def lets_go(self, run: Resting, *, has_result: bool) -> str | None:
        """Why the checkpoints of a run may be deleted now, as a sentence; None when they are kept.

        Args:
            has_result: whether the run's adapter and report are there. Without them even a finished run's are kept.
        """
        match run.state:
            case "succeeded" if has_result and run.seconds >= self.finished:
                return f"It finished {_days(run.seconds)} ago; its adapter and report are there."
            case "paused" | "failed" | "cancelled" if run.seconds >= self.going_on:
                kept = _days(self.going_on)
                return f"{WORDS[run.state]} {_days(run.seconds)} ago; checkpoints to go on from are kept for {kept}."
            case _:
                return None


def _days(seconds: float) -> str:
    days = int(seconds // DAY)
    return "1 day" if days == 1 else f"{days} days" if days else "less than a day"
