"""Continued pre-training: a language model reads on, in texts of a field or a language it knows too little of."""

from __future__ import annotations

from typing import Any

import numpy as np

from autotrain.report import Example, Report, Training
from autotrain.training.language import LanguageLearner
from autotrain.training.packing import blocks
from autotrain.training.rows import SplitRows

SHOWN = 10
SHOWN_CHARACTERS = 400


class PretrainingLearner(LanguageLearner):
    """Cross entropy on every token of the documents, in blocks."""

    def items(self, rows: SplitRows) -> list[dict[str, Any]]:
        """The blocks of each document."""
        return [item for _, item in self._numbered(rows)]

    def report(self, training: Training) -> Report:
        """How well new documents are expected, and what was forgotten of general texts."""
        numbered = self._numbered(self.test)
        scores, untouched, tuned, base = self.language_scores([item for _, item in numbered])
        texts = {number: row["text"] for number, row in self.test.numbered()}
        gained = (base.loss - tuned.loss) / np.maximum(tuned.tokens, 1)
        order = np.argsort(gained, kind="stable")

        def example(place: int) -> Example:
            text = texts[numbered[place][0]]
            return Example(
                row=numbered[place][0],
                inputs={"text": text[:SHOWN_CHARACTERS]},
                expected="",
                predicted=f"perplexity {np.exp(tuned.loss[place] / max(1, tuned.tokens[place])):.1f}",
                untouched=f"perplexity {np.exp(base.loss[place] / max(1, base.tokens[place])):.1f}",
                score=round(float(gained[place]), 4),
            )

        return self.measured(
            training,
            scores=scores,
            baselines=(untouched,),
            mistakes=tuple(example(int(place)) for place in order[: SHOWN // 2] if gained[place] < 0),
            examples=tuple(example(int(place)) for place in order[::-1][:SHOWN]),
            notes=("The score of a document is how many nats a token it gained over the untouched model.",),
        )

    def _numbered(self, rows: SplitRows) -> list[tuple[int, dict[str, Any]]]:
        """(row, block) of every document, whole: nothing is cut off."""
        made = []
        end = self.tokenizer.eos_token_id
        for number, row in rows.numbered():
            ids = [*self.tokenizer(row["text"])["input_ids"]]
            if end is not None and ids[-1:] != [end]:
                ids.append(end)
            made += [(number, item) for item in blocks([ids], self.max_length)]
        return made
