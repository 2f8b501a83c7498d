"""A checkpoint is whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrain.runs.folder import RunFolder
from autotrain.training.checkpoint import COMPLETE, building, complete, discard_torn, last_complete, prune


def save(folder: Path, step: int) -> Path:
    with building(folder, step) as aside:
        (aside / "weights").write_text(str(step))
    return folder / f"step-{step}"


def test_what_is_built_becomes_complete_under_its_own_name(tmp_path: Path) -> None:
    made = save(tmp_path, 7)
    assert complete(tmp_path) == [made]
    assert (made / "weights").read_text() == "7"
    assert [path.name for path in tmp_path.iterdir()] == ["step-7"]


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    before = save(tmp_path, 1)
    with pytest.raises(OSError, match="full"), building(tmp_path, 2) as aside:
        (aside / "weights").write_text("half")
        raise OSError("full")
    assert list(tmp_path.iterdir()) == [before]


def test_the_same_step_saved_again_replaces_the_first(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with building(tmp_path, 1) as aside:
        (aside / "weights").write_text("again")
    assert (complete(tmp_path)[0] / "weights").read_text() == "again"


def test_torn_ones_do_not_count_and_are_discarded(tmp_path: Path) -> None:
    whole, torn, hidden = save(tmp_path, 10), tmp_path / "step-20", tmp_path / ".step-30"
    torn.mkdir()
    hidden.mkdir()
    assert complete(tmp_path) == [whole]
    discard_torn(tmp_path)
    assert list(tmp_path.iterdir()) == [whole]


def test_only_the_newest_are_kept_by_number_not_by_letters(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        save(tmp_path, step)
    prune(tmp_path, kept=2)
    assert [path.name for path in complete(tmp_path)] == ["step-10", "step-100"]


def test_the_furthest_complete_checkpoint_of_all_attempts_is_the_one_to_go_on_from(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert last_complete(run) is None
    furthest = save(run.attempt(1).checkpoints, 30)
    save(run.attempt(2).checkpoints, 20)
    (save(run.attempt(2).checkpoints, 40) / COMPLETE).unlink()
    assert last_complete(run) == furthest
