"""Answers that a model writes while it learns, what they earn, and what is learned from that (GRPO).

Shao et al., 2024, "DeepSeekMath", arXiv:2402.03300. Every update writes its own answers, so that the ratio of new to
old probabilities is 1 and nothing is clipped. TRL's trainer brings its own loop, sampler and checkpoints; its loss and
its advantages are here, proven equal to it by a test, in the loop that all tasks share. What is written depends on the
weights, the seed and the number of the update alone: a resumed training writes the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import Sampling
from autotrain.evaluation.rewards import Reward, Said, earned
from autotrain.training.fit import IGNORED
from autotrain.training.packing import CausalCollator
from autotrain.training.writing import Writer

Floats = NDArray[np.float64]
WRITTEN_AT_ONCE = 16_384
"""Tokens, prompts included, of the answers that are written at once: what is kept of each for the next fills memory."""
SMALLEST_SPREAD = 1e-4
"""Added to a standard deviation before it divides, as in TRL: nearly equal rewards are not blown up."""


class Choices(Protocol):
    """How answers are written, and how they are learned from."""

    @property
    def num_generations(self) -> int: ...
    @property
    def max_completion_length(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def beta(self) -> float: ...
    @property
    def scale_rewards(self) -> str: ...
    @property
    def loss_type(self) -> str: ...
    @property
    def mask_truncated(self) -> bool: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Asked:
    """A prompt as tokens, and its right answer, which may be empty."""

    row: int
    prompt: tuple[int, ...]
    answer: str


@dataclass(frozen=True)
class Judged:
    """A written answer: its tokens with the one that ends it, its text, what it earned in all and by each reward."""

    tokens: tuple[int, ...]
    text: str
    finished: bool
    reward: float
    each: tuple[float, ...]


class Judge:
    """Writes answers to prompts and says what they earn."""

    def __init__(self, model: Any, tokenizer: Any, rewards: Sequence[Reward]) -> None:
        self.model, self.tokenizer, self.rewards = model, tokenizer, rewards

    def answers(self, asked: Sequence[Asked], sampling: Sampling) -> list[Judged]:
        """One answer to each, in their order. The random numbers of the training are as before."""
        import torch

        writer, made = Writer(self.model, self.tokenizer), []
        was_training = self.model.training
        self.model.eval()
        with torch.no_grad(), seeded(sampling.seed, next(self.model.parameters()).device):
            for part in _affordable(asked, sampling.max_new_tokens):
                written = writer.continued([each.prompt for each in part], sampling)
                made += [self._judged(writer, one, tokens) for one, tokens in zip(part, written, strict=True)]
        self.model.train(was_training)
        return made

    def _judged(self, writer: Writer, asked: Asked, tokens: Sequence[int]) -> Judged:
        written = writer.answer(tokens)
        said = Said(written.text, written.tokens, written.finished)
        reward, each = earned(self.rewards, said, asked.answer)
        return Judged(tuple(tokens), written.text, written.finished, reward, each)


class Rollouts:
    """The answers of an update as the batches that it steps on."""

    def __init__(self, judge: Judge, choices: Choices, asked: Sequence[Asked]) -> None:
        self._judge, self._choices, self._asked = judge, choices, asked
        self._collate = CausalCollator(judge.tokenizer.pad_token_id)
        self.groups, self.level, self.best = 0, 0, 0.0

    def __call__(
        self, batches: list[dict[str, Any]], updates: int, accelerator: Any
    ) -> tuple[list[dict[str, Any]], dict[str, float]]:
        """Prompts to answers with what is learned from each, and how they did.

        Args:
            batches: with `row`, places in what is asked, and `labels`, IGNORED for a row that only fills up.
            updates: how many there were before this one.
            accelerator: of all processes.
        """
        import torch

        choices = self._choices
        rows = [[int(row) for row in batch["row"][batch["labels"] != IGNORED]] for batch in batches]
        asked = [self._asked[row] for part in rows for row in part for _ in range(choices.num_generations)]
        with accelerator.autocast():
            judged = self._judge.answers(asked, self._sampling(updates, accelerator.process_index))
        rewards = np.array([one.reward for one in judged]).reshape(-1, choices.num_generations)
        learned = advantages(rewards, choices.scale_rewards).reshape(-1)
        items = [self._item(*each) for each in zip(asked, judged, learned.tolist(), strict=True)]
        counts = [len(items), sum(label != IGNORED for item in items for label in item["labels"])]
        device = batches[0]["row"].device
        in_all = accelerator.gather(torch.tensor([counts], device=device)).sum(0)
        starts = np.cumsum([0, *(len(part) * choices.num_generations for part in rows)]).tolist()
        made = [
            self._batch(items[start:end], device, accelerator) | {"completions": in_all[0], "tokens": in_all[1]}
            for start, end in zip(starts, starts[1:], strict=False)
        ]
        return made, self._told(judged, rewards, int(in_all[0]))

    def _sampling(self, updates: int, process: int) -> Sampling:
        """How this update writes: by the seed, the update and the process, and nothing that was before."""
        mixed = np.random.SeedSequence([self._choices.seed, updates, process]).generate_state(1)
        return Sampling(
            max_new_tokens=self._choices.max_completion_length,
            temperature=self._choices.temperature,
            top_p=self._choices.top_p,
            seed=int(mixed[0]),
        )

    def _item(self, asked: Asked, judged: Judged, advantage: float) -> dict[str, Any]:
        counts = judged.finished or not self._choices.mask_truncated
        learned = judged.tokens if counts else (IGNORED,) * len(judged.tokens)
        return {
            "input_ids": [*asked.prompt, *judged.tokens],
            "labels": [*[IGNORED] * len(asked.prompt), *learned],
            "advantage": advantage,
        }

    def _batch(self, items: list[dict[str, Any]], device: Any, accelerator: Any) -> dict[str, Any]:
        """Answers as a batch, with what the base model says of their tokens where that matters."""
        import torch

        if not items:  # this device's share of a last update that has too few rows
            pad = self._judge.tokenizer.pad_token_id
            items = [{"input_ids": [pad, pad], "labels": [IGNORED, IGNORED], "advantage": 0.0}]
        batch = {name: values.to(device) for name, values in self._collate(items).items()}
        batch["advantages"] = torch.tensor([item["advantage"] for item in items], device=device)
        if self._choices.beta:
            model = self._judge.model
            was_training = model.training
            model.eval()
            with torch.no_grad(), model.disable_adapter(), accelerator.autocast():
                batch["reference"] = log_probabilities(model, batch, self._choices.temperature)[0]
            model.train(was_training)
        return batch

    def _told(self, judged: Sequence[Judged], rewards: Floats, in_all: int) -> dict[str, float]:
        """Shares of the means over all answers of the update, of which these are a part."""
        spread = rewards.std(axis=1, ddof=1)
        self.groups += len(rewards)
        self.level += int((rewards.min(axis=1) == rewards.max(axis=1)).sum())
        self.best = max([self.best, *rewards.reshape(-1).tolist()])
        told = {
            "reward": rewards.sum(),
            "reward_spread": spread.sum() * self._choices.num_generations,
            "answer_tokens": sum(len(one.tokens) for one in judged),
            "stopped": sum(one.finished for one in judged),
        }
        if len(self._judge.rewards) > 1:
            for place, reward in enumerate(self._judge.rewards):
                told[f"reward_{reward.name}"] = sum(one.each[place] for one in judged)
        return {name: float(value) / max(1, in_all) for name, value in told.items()}


def advantages(rewards: Floats, scale: str) -> Floats:
    """How much better each answer is than the others to its prompt, (prompts, answers) as the rewards are.

    Args:
        rewards: of each answer.
        scale: "group" divides by the standard deviation of a prompt's rewards, as GRPO has it; "none" does not, so that
            prompts that are nearly always or nearly never answered right do not weigh more (Dr. GRPO: Liu et al., 2025,
            arXiv:2503.20783).
    """
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    if scale == "none":
        return np.asarray(centred)
    return np.asarray(centred / (rewards.std(axis=1, ddof=1, keepdims=True) + SMALLEST_SPREAD))


def log_probabilities(model: Any, batch: dict[str, Any], temperature: float) -> tuple[Any, Any]:
    """Of the learned tokens as they were sampled: (rows, places) each, and whether a place is learned.

    Logits are computed only at places where a row learns the next token.
    """
    import torch

    following = torch.nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)
    places = (following != IGNORED).any(0).nonzero().flatten()
    targets = following[:, places]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    logits = model(**inputs, logits_to_keep=places, use_cache=False).logits.float() / temperature
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none")
    return -losses, targets != IGNORED


def policy_loss(model: Any, batch: dict[str, Any], choices: Choices) -> tuple[Any, dict[str, float]]:
    """The loss of some answers of an update; over all its batches it adds up. And their share of its KL.

    "grpo" is the mean over answers of the mean over their tokens; "dapo" the mean over all tokens, so that long answers
    weigh as much by token (Yu et al., 2025, arXiv:2503.14476); "dr_grpo" divides by the longest answer allowed, so that
    nothing depends on how long they are. The distance to the base is k3 of Schulman, 2020, "Approximating KL
    Divergence"; times the ratio its gradient is that of the reverse KL (DeepSeek-V3.2, arXiv:2512.02556).
    """
    import torch

    logps, learned = log_probabilities(model, batch, choices.temperature)
    mask = learned.float()
    ratio = torch.exp(logps - logps.detach())  # 1, with the gradient of what was sampled
    loss = -ratio * batch["advantages"].float()[:, None]
    told = {}
    if choices.beta:
        further = batch["reference"] - logps
        kl = torch.exp(further) - further - 1
        loss = loss + choices.beta * kl * ratio
        told["kl"] = float((kl.detach() * mask).sum() / batch["tokens"].clamp(min=1))
    if choices.loss_type == "grpo":
        return ((loss * mask).sum(1) / mask.sum(1).clamp(min=1)).sum() / batch["completions"].clamp(min=1), told
    divisor = batch["tokens"] if choices.loss_type == "dapo" else batch["completions"] * choices.max_completion_length
    return (loss * mask).sum() / divisor.clamp(min=1), told


@contextlib.contextmanager
def seeded(seed: int, device: Any) -> Iterator[None]:
    """Within, torch draws by this seed; after it, as if nothing had been drawn."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _affordable(asked: Sequence[Asked], longest: int) -> Iterator[Sequence[Asked]]:
    """As many at a time as are affordable when each is answered as long as it may be."""
    start = 0
    while start < len(asked):
        end, widest = start, 0
        while end < len(asked):
            widest = max(widest, len(asked[end].prompt) + longest)
            if end > start and widest * (end - start + 1) > WRITTEN_AT_ONCE:
                break
            end += 1
        yield asked[start:end]
        start = end
