"""Every measure a run can be judged by: what it is called, whether it is a share, and which way is better."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Unit = Literal["share", "number"]
"""A share is from 0 to 1 and shown in percent; a number is shown as it is."""


class Measure(BaseModel):
    """A measure under its field's name, such as `macro_f1`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    unit: Unit = "share"
    higher_is_better: bool = True
    judges: bool = True
    """Whether more or less of it is better at all; a length only tells."""

    def shown(self, value: float) -> str:
        """The value as people read it."""
        return f"{value:.1%}" if self.unit == "share" else plain(value)

    def difference(self, value: float) -> str:
        """A difference of two values: points of a hundred for shares."""
        return f"{value * 100:+.1f} points" if self.unit == "share" else f"{'+' if value > 0 else ''}{plain(value)}"


def plain(value: float) -> str:
    """Three significant digits, never as a power of ten below a million."""
    if abs(value) >= 1_000_000:
        return f"{value:.2e}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(name="accuracy", title="Accuracy"),
        Measure(name="macro_f1", title="Macro F1"),
        Measure(name="micro_f1", title="Micro F1"),
        Measure(name="weighted_f1", title="Weighted F1"),
        Measure(name="f1", title="F1"),
        Measure(name="precision", title="Precision"),
        Measure(name="recall", title="Recall"),
        Measure(name="auroc", title="AUROC"),
        Measure(name="average_precision", title="Average precision"),
        Measure(name="exact_match", title="Exact match"),
        Measure(name="f1_with_answer", title="F1 where there is an answer"),
        Measure(name="exact_match_with_answer", title="Exact match where there is an answer"),
        Measure(name="right_without_answer", title="Right where there is none"),
        Measure(name="expected_calibration_error", title="Calibration error", higher_is_better=False),
        Measure(name="hamming_loss", title="Wrong labels", higher_is_better=False),
        Measure(name="rmse", title="Root mean squared error", unit="number", higher_is_better=False),
        Measure(name="mae", title="Mean absolute error", unit="number", higher_is_better=False),
        Measure(name="r2", title="R²", unit="number"),
        Measure(name="spearman", title="Spearman correlation", unit="number"),
        Measure(name="pearson", title="Pearson correlation", unit="number"),
        Measure(name="rouge1", title="ROUGE-1"),
        Measure(name="rouge2", title="ROUGE-2"),
        Measure(name="rouge_l", title="ROUGE-L"),
        Measure(name="bleu", title="BLEU", unit="number"),
        Measure(name="chrf", title="chrF", unit="number"),
        Measure(name="length_ratio", title="Length against the reference", unit="number", judges=False),
        Measure(name="ndcg_at_10", title="nDCG@10"),
        Measure(name="mrr", title="Mean reciprocal rank"),
        Measure(name="recall_at_10", title="Recall@10"),
        Measure(name="recall_at_1", title="Recall@1"),
        Measure(name="nearest_accuracy", title="Nearest has the same label"),
        Measure(name="triplet_accuracy", title="Right side of triplets"),
        Measure(name="perplexity", title="Perplexity", unit="number", higher_is_better=False),
        Measure(name="general_perplexity", title="Perplexity on general texts", unit="number", higher_is_better=False),
        Measure(name="loss", title="Loss", unit="number", higher_is_better=False),
        Measure(name="token_accuracy", title="Right tokens"),
        Measure(name="stopped", title="Came to an end"),
        Measure(name="preference_accuracy", title="Prefers the better answer"),
        Measure(name="likelihood_accuracy", title="Expects the better answer more"),
        Measure(name="margin", title="Margin between the answers", unit="number"),
        Measure(name="kl", title="Distance to the base model (KL)", unit="number", higher_is_better=False),
        Measure(name="pass_at_1", title="Pass@1"),
        Measure(name="reward", title="Mean reward", unit="number"),
        Measure(name="judged_win", title="Judged better"),
        Measure(name="judged_tie", title="Judged equal"),
        Measure(name="judged_loss", title="Judged worse", higher_is_better=False),
        Measure(name="reward_spread", title="Spread of rewards", unit="number"),
        Measure(name="reward_exact", title="Reward: exact match", unit="number"),
        Measure(name="reward_number", title="Reward: number", unit="number"),
        Measure(name="reward_pattern", title="Reward: pattern", unit="number"),
        Measure(name="reward_json", title="Reward: JSON", unit="number"),
        Measure(name="reward_length", title="Reward: length", unit="number"),
        Measure(name="answer_tokens", title="Tokens of an answer", unit="number"),
    )
}


def measure(name: str) -> Measure:
    """The measure of this name; an unknown one is taken for a share that should be high."""
    return MEASURES.get(name) or Measure(name=name, title=name.replace("_", " ").capitalize())
