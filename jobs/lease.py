"""A supervisor's hold on its run: renewed while the record answers, given up in time when it does not."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from autotrain.errors import LeaseLost, RunError
from autotrain.runs.clock import clock
from autotrain.runs.state import OWNED, Wish
from autotrain.runs.store import LEASE_SECONDS, RENEW_SECONDS, SELF_FENCE_SECONDS, RunStore
from autotrain.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How often a supervisor does what, in seconds."""

    tick: float = 0.3
    look: float = 0.8  # a wish is seen within a second
    renew: float = RENEW_SECONDS
    self_fence: float = SELF_FENCE_SECONDS
    lease: float = LEASE_SECONDS
    grace: float = 60.0  # from the request to stop until the group is killed
    fence_grace: float = 12.0  # the same after self-fencing: it must be over before the lease is

    @classmethod
    def of(cls, settings: Settings) -> Pace:
        """The pace for the settings' lease: what has to be over before it ends keeps its share of it."""
        share = settings.lease_seconds / LEASE_SECONDS
        usual = cls()
        return cls(
            renew=usual.renew * share,
            self_fence=usual.self_fence * share,
            lease=settings.lease_seconds,
            fence_grace=usual.fence_grace * share,
        )


class Lease:
    """The lease of one attempt, claimed after `since`. Looking never blocks longer than the record does."""

    def __init__(self, store: RunStore, run_id: str, fence: int, since: float, pace: Pace) -> None:
        self._store, self._run_id, self._fence, self._pace = store, run_id, fence, pace
        self._renewed = self._looked = since
        self._lock = threading.Lock()
        self._wish: Wish = "run"

    def age(self) -> float:
        """Seconds since the last renewal that is known to have worked."""
        return clock() - self._renewed

    @property
    def trainer_until(self) -> float:
        """When the trainer must have ended if no renewal comes, on `clock`: before the lease is over."""
        return self._renewed + self._pace.self_fence + self._pace.fence_grace

    def look(self) -> Wish:
        """What is wished now; renews when it is time. A `save` is returned once. Raises LeaseLost."""
        with self._lock:
            began = clock()
            if began - self._looked < self._pace.look:
                return self._wish
            self._looked = began
            try:
                wish = self._ask(began)
            except RunError as error:
                raise LeaseLost(error.message) from error
            except Exception as error:
                # Whatever the database driver raises: the trainer goes on until the self-fence.
                logger.warning("the record does not answer for run %s: %s", self._run_id, error)
                return self._wish
            self._wish = "run" if wish == "save" else wish
            return wish

    def _ask(self, began: float) -> Wish:
        run = self._store.get(self._run_id)
        if run.fence != self._fence or run.state not in OWNED:
            raise LeaseLost(f"Attempt {self._fence} no longer owns run {self._run_id}.")
        if run.desired_state != "save" and began - self._renewed < self._pace.renew:
            return run.desired_state
        wish = self._store.renew(self._run_id, self._fence, lease=self._pace.lease)
        self._renewed = began
        return wish
