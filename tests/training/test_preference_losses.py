"""Every loss over preferences against TRL's own code on the same log-probabilities, and how batches add up."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from trl import DPOTrainer, KTOTrainer, RewardTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

from autotrain.training.fit import IGNORED
from autotrain.training.pairs import PairCollator, averaged, thumb_items
from autotrain.training.preference_losses import Answers, Wish, drift_of, pair_losses, rewards_of, thumb_losses
from autotrain.training.reward import reward_step

PAIRS, LENGTH, BETA = 6, 12, 0.3


@pytest.fixture(scope="module")
def accelerator() -> Accelerator:
    return Accelerator(cpu=True)


@pytest.fixture(scope="module")
def drawn() -> SimpleNamespace:
    """Log-probabilities of the tokens of 6 better and 6 worse answers of unlike length, and what the base gives."""
    chance = torch.Generator().manual_seed(5)
    mask = torch.zeros(2 * PAIRS, LENGTH, dtype=torch.long)
    for row, (begin, end) in enumerate(torch.randint(1, LENGTH, (2 * PAIRS, 2), generator=chance).tolist()):
        mask[row, min(begin, end) : max(begin, end) + 1] = 1
    logps = torch.where(mask[:, 1:] > 0, -3 * torch.rand(2 * PAIRS, LENGTH - 1, generator=chance), 0.0)
    reference = logps.sum(1) + torch.randn(2 * PAIRS, generator=chance)
    return SimpleNamespace(mask=mask, logps=logps, reference=reference)


def answers(drawn: SimpleNamespace, side: slice) -> Answers:
    return Answers(drawn.logps.sum(1)[side], drawn.mask.sum(1)[side], drawn.reference[side])


BETTER, WORSE = slice(0, PAIRS), slice(PAIRS, None)


def fused(drawn: SimpleNamespace) -> Any:
    """A model as TRL asks it, that has these log-probabilities."""
    shown = torch.zeros_like(drawn.logps)
    out = SimpleNamespace(log_probs=drawn.logps, entropy=shown, mean_logits=shown, is_top1=shown.bool())
    return lambda **_: out


def as_trl(drawn: SimpleNamespace, accelerator: Accelerator, **own: Any) -> SimpleNamespace:
    """What a trainer of TRL's knows when it computes a loss."""
    return SimpleNamespace(
        model=SimpleNamespace(training=False),
        accelerator=accelerator,
        aux_loss_enabled=False,
        precompute_ref_logps=True,
        beta=BETA,
        _metrics={"eval": defaultdict(list)},
        _total_train_tokens=0,
        **own,
    )


@pytest.mark.parametrize("loss", ["sigmoid", "sigmoid_norm", "ipo", "robust"])
def test_losses_of_pairs_are_those_of_the_dpo_trainer(
    drawn: SimpleNamespace, accelerator: Accelerator, loss: Any
) -> None:
    trainer = as_trl(
        drawn,
        accelerator,
        ld_alpha=None,
        f_divergence_type="reverse_kl",
        loss_types=[loss],
        loss_weights=[1.0],
        label_smoothing=0.2,
        use_weighting=False,
    )
    ids = torch.ones_like(drawn.mask)
    reference = {"ref_chosen_logps": drawn.reference[BETTER], "ref_rejected_logps": drawn.reference[WORSE]}
    batch = {"input_ids": ids, "attention_mask": ids, "completion_mask": drawn.mask, **reference}
    golden = DPOTrainer._compute_loss(trainer, fused(drawn), batch, return_outputs=False)
    wish = Wish(loss, BETA, smoothing=0.2)
    ours = pair_losses(wish, answers(drawn, BETTER), answers(drawn, WORSE)).mean()
    assert float(ours) == pytest.approx(float(golden), rel=1e-6)
    if loss == "sigmoid":
        margin = rewards_of(wish, answers(drawn, BETTER)) - rewards_of(wish, answers(drawn, WORSE))
        assert float(margin.mean()) == pytest.approx(trainer._metrics["eval"]["rewards/margins"][0], rel=1e-5)


def means_of(drawn: SimpleNamespace) -> tuple[torch.Tensor, torch.Tensor]:
    each = drawn.logps.sum(1) / drawn.mask.sum(1)
    return each[BETTER], each[WORSE]


def test_simpo_is_that_of_the_cpo_trainer(drawn: SimpleNamespace, accelerator: Accelerator) -> None:
    trainer = SimpleNamespace(
        alpha=0.0, beta=2.0, loss_type="simpo", simpo_gamma=0.7, label_smoothing=0.0, accelerator=accelerator
    )
    golden, *_ = CPOTrainer.cpo_loss(trainer, *means_of(drawn))
    ours = pair_losses(Wish("simpo", 2.0, margin=0.7), answers(drawn, BETTER), answers(drawn, WORSE))
    torch.testing.assert_close(ours, golden)


def test_orpo_is_that_of_the_orpo_trainer_with_the_cross_entropy_of_each_better_answer(
    drawn: SimpleNamespace, accelerator: Accelerator
) -> None:
    better, worse = means_of(drawn)
    ratio, *_ = ORPOTrainer.odds_ratio_loss(SimpleNamespace(beta=BETA, accelerator=accelerator), better, worse)
    ours = pair_losses(Wish("orpo", BETA), answers(drawn, BETTER), answers(drawn, WORSE))
    torch.testing.assert_close(ours, -better - ratio)


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_thumbs_are_learned_as_by_the_kto_trainer(
    drawn: SimpleNamespace, accelerator: Accelerator, shift: float
) -> None:
    """Also where the model has come nearer to its base than it can be: a mean below zero counts as none."""
    liked = torch.tensor([True, False, False] * 4)
    other, other_reference = drawn.logps.sum(1).flip(0), drawn.reference.flip(0) - shift
    trainer = as_trl(
        drawn,
        accelerator,
        calculate_KL=True,
        loss_type="kto",
        desirable_weight=1.5,
        undesirable_weight=0.5,
        _compute_kl_logps=lambda *_: other,
    )
    ids = torch.ones_like(drawn.mask)
    batch = {
        "input_ids": ids,
        "attention_mask": ids,
        "completion_mask": drawn.mask,
        "label": liked.long(),
        "ref_logps": drawn.reference,
        "ref_KL_logps": other_reference,
    }
    golden = KTOTrainer._compute_loss(trainer, fused(drawn), batch, return_outputs=False)
    gained, count = drift_of(other, other_reference, torch.ones(2 * PAIRS, dtype=torch.bool))
    drift = (gained / count).clamp(min=0)
    assert (float(drift) == 0) == (shift < 0)
    wish = Wish("kto", BETA, liked_weight=1.5, disliked_weight=0.5)
    ours = thumb_losses(wish, answers(drawn, slice(None)), liked, drift).mean()
    assert float(ours) == pytest.approx(float(golden), rel=1e-6)


@pytest.mark.parametrize(("margin", "centering"), [(0.0, 0.0), (0.5, 0.1)])
def test_rewards_are_learned_as_by_the_reward_trainer(
    accelerator: Accelerator, margin: float, centering: float
) -> None:
    rewards = torch.randn(2 * PAIRS, 1, generator=torch.Generator().manual_seed(1))
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=False),
        accelerator=accelerator,
        args=SimpleNamespace(center_rewards_coefficient=centering or None),
        _metrics={"eval": defaultdict(list)},
        _total_train_tokens=0,
    )
    model = lambda **_: SimpleNamespace(logits=rewards)  # noqa: E731
    batch = {"input_ids": None, "attention_mask": torch.ones(2, 2), "margin": torch.full((PAIRS,), margin)}
    golden = RewardTrainer.compute_loss(trainer, model, dict(batch))
    ours, outputs = reward_step(margin, centering)(model, batch | {"labels": torch.zeros(PAIRS)}, None)
    assert float(ours) == pytest.approx(float(golden), rel=1e-6)
    assert outputs["logits"].tolist() == rewards.view(2, -1).T.tolist()


def test_robust_without_wrong_pairs_is_dpo_and_no_loss_explodes(drawn: SimpleNamespace) -> None:
    sides = answers(drawn, BETTER), answers(drawn, WORSE)
    torch.testing.assert_close(pair_losses(Wish("robust", BETA), *sides), pair_losses(Wish("sigmoid", BETA), *sides))
    for loss in ("sigmoid", "sigmoid_norm", "ipo", "robust", "simpo", "orpo"):
        for value in (0.0, -1e4):
            sums = torch.full((2,), value, requires_grad=True)
            certain = Answers(sums, torch.tensor([3, 0]), torch.zeros(2))
            total = pair_losses(Wish(loss, BETA, smoothing=0.1), certain, certain).sum()  # type: ignore[arg-type]
            total.backward()  # type: ignore[no-untyped-call]
            assert torch.isfinite(total) and sums.grad is not None and torch.isfinite(sums.grad).all()


def test_rows_that_fill_up_count_nothing_and_parts_add_up() -> None:
    losses, labels = torch.tensor([1.0, 2.0, float("nan"), 4.0]), torch.tensor([0, 0, IGNORED, 0])
    assert float(averaged(losses, labels, None)) == pytest.approx(7 / 3)
    parts = [averaged(losses[part], labels[part], 3) for part in (slice(0, 2), slice(2, 4))]
    assert float(sum(parts)) == pytest.approx(7 / 3)
    assert float(averaged(losses[2:3], labels[2:3], torch.tensor(0))) == 0.0


def test_an_answer_is_measured_by_one_to_another_prompt() -> None:
    def answer(prompt: list[int], said: list[int]) -> dict[str, Any]:
        return {"input_ids": prompt + said, "labels": [IGNORED] * len(prompt) + said}

    asked = [answer([1, 2], [10]), answer([1, 2], [11, 12]), answer([3], [13, 14, 15])]
    items = thumb_items(asked, [True, False, True], 4)
    others = [item["input_ids"][1] for item in items]
    assert others == [[2, 13, 14, 15], [2, 13, 14, 15], [3, 10]]
    assert [item["targets"][1] for item in items] == [[IGNORED, 13, 14, 15]] * 2 + [[IGNORED, 10]]
    batch = PairCollator(0, stacked=False)(items)
    assert batch["labels"].tolist() == [1, 0, 1]
    assert (batch["input_ids"].shape, batch["other_input_ids"].shape) == ((3, 4), (3, 4))
    assert (batch["attention_mask"].sum(1).tolist(), batch["other_attention_mask"].sum(1).tolist()) == (
        [3, 4, 4],
        [4, 4, 2],
    )
