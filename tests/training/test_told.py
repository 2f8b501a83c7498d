"""What an update tells for the curves: means since the last point, the same over a stop, nothing of the loop itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate import Accelerator

from autotrain.training.checkpoint import Moment
from autotrain.training.loop import Told
from autotrain.training.report import _is_point


def test_batches_add_up_and_a_point_is_the_mean_over_its_updates() -> None:
    told, accelerator = Told(), Accelerator(cpu=True)
    for value in (0.25, 0.5, 0.75):
        told.add({"reward": value / 2, "kl": 1.0})
        told.add({"reward": value / 2})
    assert told.means(accelerator, 3) == {"reward": pytest.approx(0.5), "kl": 1.0}
    told.add({"reward": 1.0, "kl": 3.0})
    assert told.means(accelerator, 4) == {"reward": 1.0, "kl": 3.0}
    assert Told().means(accelerator, 1) == {}


def test_what_was_told_before_a_stop_is_not_lost(tmp_path: Path) -> None:
    accelerator, whole, first, second = Accelerator(cpu=True), Told(), Told(), Told()
    values = [0.1, 0.2, 0.7, 0.30000000000000004]
    for value in values:
        whole.add({"reward": value})
    for value in values[:2]:
        first.add({"reward": value})
    Moment(8, [0.0], 0, told=first.over_all(accelerator)).write(tmp_path)
    left = Moment.read(tmp_path)
    second.sums, second.shown_at = dict(left.told), left.logged_at
    for value in values[2:]:
        second.add({"reward": value})
    assert second.means(accelerator, 4) == whole.means(accelerator, 4)


def test_a_checkpoint_of_before_has_nothing_to_tell(tmp_path: Path) -> None:
    (tmp_path / "moment.json").write_text('{"rows": 8, "losses": [0.5], "logged_at": 3}')
    assert Moment.read(tmp_path).told == {}


@pytest.mark.parametrize("name", ["loss", "learning_rate", "grad_norm", "reward", "kl", "eval_loss", "eval_reward"])
def test_what_a_task_tells_is_a_point_on_a_curve(name: str) -> None:
    assert _is_point(name)


@pytest.mark.parametrize("name", ["epoch", "total_flos", "train_loss", "train_runtime", "eval_runtime"])
def test_the_speed_of_the_loop_is_none(name: str) -> None:
    assert not _is_point(name)
