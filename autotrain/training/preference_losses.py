"""What is learned from preferences, from the log-probabilities of answers alone.

The formulas are those of TRL 1.16 (`DPOTrainer._compute_loss`, `KTOTrainer._compute_loss`, the experimental
`ORPOTrainer.odds_ratio_loss` and `CPOTrainer.cpo_loss`), and tests hold them against it. They stand here because TRL
has them inside of trainers that bring their own loop, data pipeline and log: with those, checkpoints, pauses, the order
of rows after a resume, early stopping and the count that a loss is divided by would be others than in every other task.
TRL's trainers average over a batch as it comes; here a pair counts the same, however an update is cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

PairLoss = Literal["sigmoid", "sigmoid_norm", "ipo", "robust", "simpo", "orpo"]
LossName = Literal["sigmoid", "sigmoid_norm", "ipo", "robust", "simpo", "orpo", "kto"]

USUAL_BETA: dict[str, float] = {
    "sigmoid": 0.1,  # Rafailov et al., 2023
    "ipo": 0.1,  # Azar et al., 2023, in TRL's form: a mean over tokens should grow by 1 / (2 · 0.1) nats
    "robust": 0.1,
    "sigmoid_norm": 5.0,  # Lambert et al., 2024 (Tülu 3), whose sums are means over tokens too
    "simpo": 2.0,  # Meng et al., 2024
    "orpo": 0.1,  # Hong et al., 2024: λ
    "kto": 0.1,  # Ethayarajh et al., 2024
}
"""Strengths that their papers use; those of means over tokens are larger, as the means are smaller than sums."""

REFERENCE_FREE = frozenset({"simpo", "orpo"})
"""Losses that ask the base model nothing."""
PER_TOKEN = frozenset({"sigmoid_norm", "ipo", "simpo", "orpo"})
"""Losses that compare means over tokens, so that a longer answer does not count for more."""
NEARLY_CERTAIN = -1e-6
"""Log-probability above which the odds of an answer would be infinite."""


@dataclass(frozen=True)
class Wish:
    """A loss and its numbers: `smoothing` is for robust, `margin` for SimPO, the weights of thumbs for KTO."""

    loss: LossName
    beta: float
    smoothing: float = 0.0
    margin: float = 0.5
    liked_weight: float = 1.0
    disliked_weight: float = 1.0


class Answers(NamedTuple):
    """Answers as a model expects them, tensors (answers,) each: summed log-probability, tokens, that of the base."""

    sums: Any
    tokens: Any
    reference: Any


def rewards_of(wish: Wish, answers: Answers) -> Any:
    """(answers,) how much each is wanted by what was learned: what the loss compares, times beta."""
    found = answers.sums if wish.loss in REFERENCE_FREE else answers.sums - answers.reference
    return wish.beta * (found / answers.tokens.clamp(min=1) if wish.loss in PER_TOKEN else found)


def pair_losses(wish: Wish, chosen: Answers, rejected: Answers) -> Any:
    """(pairs,) the loss of each pair.

    `sigmoid` is DPO (Rafailov et al., 2023, arXiv:2305.18290); `sigmoid_norm` the same over means of tokens; `ipo` is
    Azar et al., 2023 (arXiv:2310.12036), Eq. 17; `robust` is Chowdhury et al., 2024 (arXiv:2403.00409), for preferences
    of which a share `smoothing` is the wrong way round; `simpo` is Meng et al., 2024 (arXiv:2405.14734); `orpo` is Hong
    et al., 2024 (arXiv:2403.07691), with the cross entropy of the better answer's tokens, a mean for each pair; TRL has
    the prompt's tokens in it too, and a mean over those of a batch.
    """
    import torch

    surely = torch.nn.functional.logsigmoid
    gap = rewards_of(wish, chosen) - rewards_of(wish, rejected)
    if wish.loss in ("sigmoid", "sigmoid_norm"):
        return -surely(gap)
    if wish.loss == "ipo":
        return (gap / wish.beta - 1 / (2 * wish.beta)) ** 2
    if wish.loss == "robust":
        right, wrong = -(1 - wish.smoothing) * surely(gap), -wish.smoothing * surely(-gap)
        return (right - wrong) / (1 - 2 * wish.smoothing)
    if wish.loss == "simpo":
        return -surely(gap - wish.margin)
    if wish.loss == "orpo":
        better, worse = (each.sums / each.tokens.clamp(min=1) for each in (chosen, rejected))
        odds = (better - worse) - (_log_rest(better) - _log_rest(worse))
        return -better - wish.beta * surely(odds)
    raise ValueError(f"{wish.loss} is no loss of pairs")


def _log_rest(log_probability: Any) -> Any:
    """log(1 - exp(x)) without cancellation."""
    import torch

    x = log_probability.clamp(max=NEARLY_CERTAIN)
    return torch.where(x < -0.6931472, torch.log1p(-torch.exp(x)), torch.log(-torch.expm1(x)))


def thumb_losses(wish: Wish, answers: Answers, liked: Any, drift: Any) -> Any:
    """(answers,) the loss of each answer that was liked or not: KTO, Ethayarajh et al., 2024 (arXiv:2402.01306), Eq. 7.

    Args:
        wish: with the weight of either kind.
        answers: the answers, with the base's log-probabilities.
        liked: (answers,) booleans.
        drift: how far the model has gone from its base, as `drift_of` estimates it; a scalar without gradient.
    """
    import torch

    gained = answers.sums - answers.reference
    towards = torch.where(liked, gained - drift, drift - gained)
    weights = torch.where(liked, wish.liked_weight, wish.disliked_weight)
    return weights * (1 - torch.sigmoid(wish.beta * towards))


def drift_of(sums: Any, reference: Any, counted: Any) -> tuple[Any, Any]:
    """The sum over answers to other prompts of what the model gives them more than its base, and their count.

    KTO's reference point is the mean of it over an update, and never below zero.

    Args:
        sums, reference: (answers,) log-probabilities of the model and of the base.
        counted: (answers,) booleans; a row that only fills up a batch does not count.
    """
    import torch

    gained = (sums - reference).detach()
    return torch.where(counted, gained, torch.zeros_like(gained)).sum(), counted.sum()
