"""Learning to write: what every training of a causal language model on its own text shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.encoding.chat import Encoded
from autotrain.evaluation.language import GENERAL_TEXTS, Told, interval_of_perplexity, perplexity
from autotrain.events import Log
from autotrain.models.loading import load_causal
from autotrain.report import Baseline, Score
from autotrain.training.fit import IGNORED, Objective, Rows
from autotrain.training.learner import Learner
from autotrain.training.next_token import learned_logits, next_token_step
from autotrain.training.packing import PAD_MULTIPLE, CausalCollator, LayoutCollator, keeps_apart, packed
from autotrain.training.rows import SplitRows
from autotrain.training.ways import examples_of, quickest

Step = Callable[..., tuple[Any, dict[str, Any]]]
"""(model, batch, items) to a loss, and under `logits` the sums of each row."""

EVALUATION_TOKENS = 2048
"""Tokens in one batch of an evaluation: the logits of a large vocabulary fill the memory."""


class LanguageLearner(Learner):
    """Cross entropy on the next token, where a row's mask says that it is learned."""

    kind = "CAUSAL_LM"
    params: Any
    examples: Sequence[dict[str, Any]] = ()
    """A few training rows, by which quicker ways are compared with the plain one."""

    def load(self) -> Any:
        """The base with its own head; where it does not keep packed rows apart, they are not packed."""
        model = load_causal(self.attempt.model, self.tokenizer)
        self.packs = bool(self.params.packing)
        if self.packs and not keeps_apart(model, len(self.tokenizer)):
            self.packs = False
            self.attempt.sink.emit(
                Log(text="Rows are not packed: this architecture would let a row see the ones before it.")
            )
        return model

    def items(self, rows: SplitRows) -> list[dict[str, Any]]:
        """Each row alone: tokens, and labels of which the first is IGNORED."""
        return [
            causal_item(each)
            for _, made in self.taught(rows)
            for each in made
            if isinstance(each, Encoded) and len(each.input_ids) > 1
        ]

    def encode(self, rows: SplitRows) -> Rows:
        """The rows, several in one where that is wished; how they are laid out in a batch is the collator's."""
        items = self.items(rows)
        if rows is not self.train:
            return Rows(items)
        self.examples = examples_of(items)
        return Rows(packed(items, self.max_length) if self.packs else items)

    def objective(self) -> Objective:
        """The sum of the cross entropy over learned tokens; the perplexity on validation decides."""
        return Objective(self.collator(), None, told_metrics, "eval_perplexity", step=next_token_step, by_tokens=True)

    def collator(self) -> Any:
        """Rows laid out as a tree where that is quicker and was found to be the same, else padded."""
        ways = quickest(self.attempt, self.params, self.model, self.examples, self.tokenizer.pad_token_id)
        if ways.layout:
            return LayoutCollator(shared=ways.shared)
        on_cpu = self.attempt.device.kind == "cpu"
        return CausalCollator(self.tokenizer.pad_token_id, multiple=1 if on_cpu else PAD_MULTIPLE)

    def told(self, items: Sequence[dict[str, Any]]) -> Told:
        """What the model as it is now makes of rows: for each the sums over its learned tokens."""
        return tell(self.model, items, CausalCollator(self.tokenizer.pad_token_id))

    def general(self) -> list[dict[str, Any]]:
        """Texts of general knowledge, as the probe of what is forgotten."""
        made = []
        for text in GENERAL_TEXTS:
            ids = self.tokenizer(text)["input_ids"][: self.max_length]
            made.append({"input_ids": ids, "labels": [IGNORED, *ids[1:]]})
        return [item for item in made if len(item["input_ids"]) > 1]

    def language_scores(self, test: Sequence[dict[str, Any]]) -> tuple[tuple[Score, ...], Baseline, Told, Told]:
        """Perplexity and right tokens on the test rows and on general texts, tuned and untouched."""
        general, progressed = self.general(), self.evaluating()
        tuned, tuned_general = self.told(test), self.told(general)
        progressed(0.3)
        with self.untouched():
            base, base_general = self.told(test), self.told(general)
        progressed(0.5)
        seed = self.params.seed
        baseline = Baseline(
            name="untouched",
            title="Base model, untouched",
            explanation="The same model before this training, on the same rows.",
            scores=scores_of(base, base_general, seed),
        )
        return scores_of(tuned, tuned_general, seed), baseline, tuned, base


def causal_item(encoded: Encoded) -> dict[str, Any]:
    """Tokens with their labels; the first token is never learned, as nothing is before it."""
    labels = [token if said else IGNORED for token, said in zip(encoded.input_ids, encoded.learned, strict=True)]
    return {"input_ids": list(encoded.input_ids), "labels": [IGNORED, *labels[1:]]}


def scores_of(told: Told, general: Told, seed: int) -> tuple[Score, ...]:
    """Perplexity (with its interval over rows), the share of tokens guessed right, perplexity on general texts."""
    return (
        Score.of("perplexity", perplexity(told), interval_of_perplexity(told, seed)),
        Score.of("token_accuracy", float(told.right.sum() / max(1, told.tokens.sum()))),
        Score.of("general_perplexity", perplexity(general), interval_of_perplexity(general, seed)),
    )


def divergence(model: Any, items: Sequence[dict[str, Any]], collator: CausalCollator) -> NDArray[np.float64]:
    """(rows, 2) how far a model with an adapter is from its base at the learned tokens, and how many those are.

    The first is the sum over tokens of KL(tuned ‖ base) over the whole vocabulary, in nats.
    """
    import torch

    made: NDArray[np.float64] = np.zeros((len(items), 2))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for place, item in enumerate(items):  # one by one: the logits of both models are held at once
            inputs = {name: values.to(device) for name, values in collator([item]).items()}
            labels = inputs.pop("labels")
            tuned = learned_logits(model, inputs, labels)[0].log_softmax(-1)
            with model.disable_adapter():
                base = learned_logits(model, inputs, labels)[0].log_softmax(-1)
            each = (tuned.exp() * (tuned - base)).sum(-1)
            made[place] = float(each.clamp(min=0).sum()), each.shape[1]
    model.train(was_training)
    return made


def told_metrics(prediction: Any) -> dict[str, float]:
    """Perplexity and right tokens over all validation rows."""
    found = prediction.predictions
    told = Told.of(np.asarray(found[0] if isinstance(found, tuple) else found, dtype=np.float64))
    return {
        "perplexity": perplexity(told),
        "token_accuracy": float(told.right.sum() / max(1, told.tokens.sum())),
    }


def tell(
    model: Any,
    items: Sequence[dict[str, Any]],
    collator: Any,
    progressed: Callable[[float], None] | None = None,
    *,
    step: Step = next_token_step,
) -> Told:
    """The sums over each row's learned tokens, in the order of the rows; `progressed` hears the share that is done."""
    import torch

    made: NDArray[np.float64] = np.zeros((len(items), 3))
    order = sorted(range(len(items)), key=lambda place: -len(items[place]["input_ids"]))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        while order:
            longest = max(len(items[order[0]]["input_ids"]), len(items[order[0]]["labels"]))
            size = max(1, EVALUATION_TOKENS // longest)
            part, order = order[:size], order[size:]
            batch = {name: values.to(device) for name, values in collator([items[place] for place in part]).items()}
            made[part] = step(model, batch)[1]["logits"].cpu().double().numpy()
            if progressed is not None:
                progressed(1 - len(order) / len(items))
    model.train(was_training)
    return Told.of(made)
