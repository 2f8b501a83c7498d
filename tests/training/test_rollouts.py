"""What is learned from answers: as TRL computes it, the same again after a stop, in as much memory as there is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from trl import GRPOConfig, GRPOTrainer

from autotrain.answers import Sampling
from autotrain.evaluation.rewards import RewardParams, rewards_of
from autotrain.models.loading import load_tokenizer
from autotrain.training import rollouts
from autotrain.training.fit import IGNORED
from autotrain.training.rollouts import Asked, Judge, Rollouts, advantages, policy_loss
from tests.training.causal import save_causal
from tests.training.talk import questions

GENERATIONS, LONGEST, TEMPERATURE = 4, 16, 0.8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_causal(
        questions(200), tmp_path_factory.mktemp("causal"), words=True, vocabulary=30, initializer_range=0.2
    )


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    """The tiny model with an adapter that does something."""
    torch.manual_seed(1)
    config = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear", init_lora_weights=False)
    return get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config)


def choices(**chosen: Any) -> Any:
    return SimpleNamespace(
        **{
            "num_generations": GENERATIONS,
            "max_completion_length": LONGEST,
            "temperature": TEMPERATURE,
            "top_p": 1.0,
            "beta": 0.0,
            "scale_rewards": "group",
            "loss_type": "dapo",
            "mask_truncated": False,
            "seed": 3,
        }
        | chosen
    )


def asked(folder: Path, most: int) -> list[Asked]:
    """Real questions of unlike length."""
    tokenizer = load_tokenizer(folder)
    return [
        Asked(row, tuple(tokenizer(f"{text} <|im_start|>assistant")["input_ids"]), "you")
        for row, text in enumerate(questions(most))
    ]


def judge(model: Any, folder: Path) -> Judge:
    rewards = rewards_of(RewardParams(length_weight=1, length_least=4, length_most=5, exact_place="anywhere"))
    return Judge(model, load_tokenizer(folder), rewards)


def update(model: Any, folder: Path, parts: list[list[int]], updates: int = 0, **chosen: Any) -> Any:
    """The batches of an update on these rows, and what it tells."""
    rollout = Rollouts(judge(model, folder), choices(**chosen), asked(folder, 20))
    batches = [{"row": torch.tensor(part), "labels": torch.zeros(len(part))} for part in parts]
    return rollout(batches, updates, Accelerator(cpu=True))


@pytest.mark.parametrize("loss_type", ["grpo", "dr_grpo", "dapo"])
@pytest.mark.parametrize(("beta", "scale", "mask_truncated"), [(0.0, "group", False), (0.1, "none", True)])
def test_loss_gradient_and_advantages_are_those_of_trl(
    model: Any, folder: Path, tmp_path: Path, loss_type: str, beta: float, scale: str, mask_truncated: bool
) -> None:
    earned: list[float] = []

    def different_tokens(completion_ids: list[list[int]], **_: Any) -> list[float]:
        earned.extend(float(len(set(ids))) for ids in completion_ids)
        return earned[-len(completion_ids) :]

    chosen = choices(loss_type=loss_type, beta=beta, scale_rewards=scale, mask_truncated=mask_truncated)
    theirs = trl_trainer(folder, tmp_path, different_tokens, chosen)
    theirs.model.load_state_dict(model.state_dict())
    theirs.model.train()
    prompts = [f"{text} <|im_start|>assistant" for text in questions(2)]
    torch.manual_seed(5)
    written = theirs._generate_and_score_completions([{"prompt": text} for text in prompts for _ in range(GENERATIONS)])
    theirs.current_gradient_accumulation_steps = 1
    loss = theirs._compute_loss(theirs.model, written)
    loss.backward()

    mine = advantages(np.array(earned).reshape(-1, GENERATIONS), scale)
    assert np.abs(mine).max() > 0.5
    np.testing.assert_allclose(mine.reshape(-1), written["advantages"].numpy(), rtol=1e-4, atol=1e-5)

    model.train()
    model.zero_grad()
    ours, told = policy_loss(model, as_batch(model, folder, written, mine, chosen), chosen)
    ours.backward()
    assert float(ours) == pytest.approx(float(loss), rel=1e-4, abs=1e-6)
    assert bool(told) == bool(beta)
    gradients = {name: part.grad for name, part in theirs.model.named_parameters() if part.requires_grad}
    assert max(float(gradient.abs().max()) for gradient in gradients.values()) > 1e-3
    for name, part in model.named_parameters():
        if part.requires_grad:
            torch.testing.assert_close(part.grad, gradients[name], rtol=1e-3, atol=1e-6)


def trl_trainer(folder: Path, output: Path, reward: Any, chosen: Any) -> GRPOTrainer:
    """TRL's own, on the same model and with the same choices."""
    return GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        processing_class=load_tokenizer(folder),
        peft_config=LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear"),
        reward_funcs=reward,
        train_dataset=Dataset.from_dict({"prompt": questions(4)}),
        args=GRPOConfig(
            output_dir=str(output),
            per_device_train_batch_size=2 * GENERATIONS,
            num_generations=GENERATIONS,
            max_completion_length=LONGEST,
            temperature=TEMPERATURE,
            beta=chosen.beta,
            loss_type=chosen.loss_type,
            scale_rewards=chosen.scale_rewards,
            mask_truncated_completions=chosen.mask_truncated,
            gradient_checkpointing=False,
            use_cpu=True,
            bf16=False,
            report_to="none",
        ),
    )


def as_batch(model: Any, folder: Path, written: dict[str, Any], mine: Any, chosen: Any) -> dict[str, Any]:
    """The answers that TRL's trainer wrote as a batch of ours."""
    rollout = Rollouts(judge(model, folder), chosen, [])
    items = []
    rows = zip(*(written[name] for name in ("prompt_ids", "prompt_mask", "completion_ids")), strict=True)
    for place, (prompt, mask, completion) in enumerate(rows):
        tokens = rollouts.Writer(model, load_tokenizer(folder))._ends
        ids = completion.tolist()
        end = next((number + 1 for number, token in enumerate(ids) if token in tokens), len(ids))
        finished = end < len(ids) or ids[-1] in tokens
        judged = rollouts.Judged(tuple(ids[:end]), "", finished, 0.0, ())
        asked_for = Asked(place, tuple(prompt[mask.bool()].tolist()), "")
        items.append(rollout._item(asked_for, judged, float(mine.reshape(-1)[place])))
    counted = sum(label != IGNORED for item in items for label in item["labels"])
    batch = rollout._batch(items, torch.device("cpu"), Accelerator(cpu=True))
    return batch | {"completions": torch.tensor(len(items)), "tokens": torch.tensor(counted)}


def test_what_is_written_depends_on_seed_and_update_alone(model: Any, folder: Path) -> None:
    torch.manual_seed(1)
    first, told = update(model, folder, [[0, 1], [2]], 5)
    torch.rand(100)
    state = torch.get_rng_state()
    again, _ = update(model, folder, [[0, 1], [2]], 5)
    assert torch.equal(torch.get_rng_state(), state)
    other, _ = update(model, folder, [[0, 1], [2]], 6)
    assert all(torch.equal(one["input_ids"], two["input_ids"]) for one, two in zip(first, again, strict=True))
    assert any(
        one["input_ids"].shape != two["input_ids"].shape or not torch.equal(one["input_ids"], two["input_ids"])
        for one, two in zip(first, other, strict=True)
    )
    assert [len(batch["input_ids"]) for batch in first] == [2 * GENERATIONS, GENERATIONS]
    assert 0 < told["reward"] < 1 and told["reward_spread"] > 0 and set(told) >= {"reward_exact", "reward_length"}


@pytest.mark.parametrize("loss_type", ["grpo", "dr_grpo", "dapo"])
def test_batches_add_up_and_a_share_without_a_row_counts_nothing(model: Any, folder: Path, loss_type: str) -> None:
    chosen = choices(loss_type=loss_type, beta=0.1)
    losses = []
    for parts in ([[0, 1, 2]], [[0], [1, 2], []]):
        batches, _ = update(model, folder, parts, beta=0.1)
        losses.append(sum(float(policy_loss(model, batch, chosen)[0]) for batch in batches))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    model.zero_grad()
    empty, told = policy_loss(model, batches[-1], chosen)
    empty.backward()
    assert float(empty) == 0.0 and told == {"kl": 0.0}
    assert all(float(part.grad.abs().max()) == 0 for part in model.parameters() if part.grad is not None)


def test_a_row_that_fills_up_is_not_answered(model: Any, folder: Path) -> None:
    rollout = Rollouts(judge(model, folder), choices(), asked(folder, 4))
    batches = [{"row": torch.tensor([1, 2]), "labels": torch.tensor([0, IGNORED])}]
    (made,), _ = rollout(batches, 0, Accelerator(cpu=True))
    assert len(made["input_ids"]) == GENERATIONS and int(made["completions"]) == GENERATIONS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3000), max_size=40), st.integers(1, 3000))
def test_no_more_is_written_at_once_than_is_affordable(lengths: list[int], longest: int) -> None:
    every = [Asked(row, (1,) * length, "") for row, length in enumerate(lengths)]
    parts = list(rollouts._affordable(every, longest))
    assert [one for part in parts for one in part] == every
    for part in parts:
        assert (
            len(part) == 1 or len(part) * (max(len(one.prompt) for one in part) + longest) <= rollouts.WRITTEN_AT_ONCE
        )


def test_answers_end_where_they_end(model: Any, folder: Path) -> None:
    judged = judge(model, folder).answers(asked(folder, 12), Sampling(max_new_tokens=40, temperature=1.0))
    ends = [one.tokens.index(3) if 3 in one.tokens else None for one in judged]
    assert any(end is not None for end in ends)
    for one, end in zip(judged, ends, strict=True):
        assert one.finished == (end is not None) and (end is None or end == len(one.tokens) - 1)
        assert "<|im_end|>" not in one.text


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_advantages_of_a_prompt_add_up_to_nothing(rewards: list[list[float]]) -> None:
    for scale in ("group", "none"):
        found = advantages(np.array(rewards), scale)
        assert np.abs(found.sum(axis=1)).max() < 1e-9
        assert np.isfinite(found).all()
        for row, mine in zip(rewards, found, strict=True):
            assert max(row) == min(row) or int(mine.argmax()) == int(np.argmax(row))
