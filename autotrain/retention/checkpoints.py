"""Pruning: checkpoints that the policy lets go are renamed aside while the record holds their run, then deleted.

The rename and the record's forgetting are one transaction: a run that is queued keeps its checkpoint, or was told that
it has none. What a kill leaves is `.pruned-<fence>` in an attempt's folder. Where the record forgot the checkpoint, or
another attempt has begun since, it is deleted; where it did not, the transaction was not made, and it is put back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autotrain.retention.files import folders, remove, size_of
from autotrain.retention.policy import Policy
from autotrain.runs.folder import AttemptFolder, RunFolder
from autotrain.runs.state import OWNED
from autotrain.runs.store import Held, Resting, RunStore
from autotrain.settings import Settings
from autotrain.training.checkpoint import COMPLETE

logger = logging.getLogger(__name__)

ASIDE = ".pruned-"


@dataclass(frozen=True)
class Prunable:
    """Checkpoints that the policy lets go: whose, how many bytes, and why."""

    run_id: str
    name: str
    size_bytes: int
    reason: str


def prunable(settings: Settings, store: RunStore) -> list[Prunable]:
    """The checkpoints that `prune` would delete now. Changes nothing."""
    policy = Policy.of(settings)
    found = []
    for run in store.resting():
        folder = RunFolder(settings.runs / run.id)
        reason = _reason(policy, run, folder)
        places = list(_checkpoints(folder)) if reason else []
        if reason and places:
            found.append(Prunable(run.id, run.name, sum(size_of(place) for _, place in places), reason))
    return found


def prune(settings: Settings, store: RunStore, *, stopping: Callable[[], bool] = lambda: False) -> list[Prunable]:
    """Delete the checkpoints that the policy lets go; returns what was deleted.

    Safe beside everything else: runs that are resumed, other prunings, backups, and a kill at any moment.
    """
    recover(settings, store)
    done = []
    for each in prunable(settings, store):
        if stopping():
            break
        try:
            if not _prune_run(RunFolder(settings.runs / each.run_id), each.run_id, Policy.of(settings), store):
                continue
        except Exception as error:  # one that cannot be pruned must not keep the others from it
            logger.warning("the checkpoints of run %s stay for now: %s", each.run_id, error)
            continue
        finally:
            _recover_run(RunFolder(settings.runs / each.run_id), store)
        logger.info("run %s: freed %.1f MB of checkpoints. %s", each.run_id, each.size_bytes / 1e6, each.reason)
        done.append(each)
    return done


def recover(settings: Settings, store: RunStore) -> None:
    """Bring prunings to an end that were killed: forward where the record forgot the checkpoint, else back."""
    for path in folders(settings.runs):
        _recover_run(RunFolder(path), store)


def _prune_run(folder: RunFolder, run_id: str, policy: Policy, store: RunStore) -> bool:
    """Move aside and forget, if the run as it is now lets it. Whether it did."""
    with store.hold(run_id) as held:
        if held is None or _reason(policy, held.run, folder) is None:
            return False
        places = list(_checkpoints(folder))
        for attempt, place in places:
            place.rename(attempt.path / f"{ASIDE}{held.run.fence}")
        held.pruned = bool(places)
    return bool(places)


def _recover_run(folder: RunFolder, store: RunStore) -> None:
    asides = [path for attempt in _attempts(folder) for path in sorted(attempt.path.glob(f"{ASIDE}*"))]
    if not asides:
        return
    condemned = []
    try:
        with store.hold(folder.path.name) as held:
            for path in asides:
                if held is None or not _is_still_its(path, held):
                    condemned.append(path)
                else:
                    with suppress(OSError):  # another process did the same
                        path.rename(AttemptFolder(path.parent).checkpoints)
    except Exception as error:
        logger.warning("what was left of pruning run %s waits: %s", folder.path.name, error)
        return
    for path in condemned:
        _delete(path)


def _is_still_its(aside: Path, held: Held) -> bool:
    """Whether a run may still go on from what was moved aside: the record knows it, and no attempt began since."""
    same = aside.name == f"{ASIDE}{held.run.fence}"
    return same and held.checkpoint is not None and held.run.state not in OWNED


def _delete(aside: Path) -> None:
    # COMPLETE first: were the record's last transaction lost with the power, half a checkpoint must not come back.
    if not aside.is_symlink():
        for marker in sorted(aside.glob(f"*/{COMPLETE}")):
            remove(marker)
    remove(aside)


def _reason(policy: Policy, run: Resting, folder: RunFolder) -> str | None:
    return policy.lets_go(run, has_result=folder.adapter.is_dir() and folder.report.is_file())


def _attempts(folder: RunFolder) -> Iterator[AttemptFolder]:
    if not folder.path.is_symlink():
        yield from (attempt for attempt in folder.attempts() if not attempt.path.is_symlink())


def _checkpoints(folder: RunFolder) -> Iterator[tuple[AttemptFolder, Path]]:
    """The places of checkpoints that are there. A link in such a place goes, what it leads to stays."""
    for attempt in _attempts(folder):
        if attempt.checkpoints.is_symlink() or attempt.checkpoints.is_dir():
            yield attempt, attempt.checkpoints
