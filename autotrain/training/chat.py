"""Supervised fine-tuning: a language model learns to answer as the rows do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autotrain.answers import Sampling, Written
from autotrain.encoding.chat import Encoded
from autotrain.encoding.template import render
from autotrain.evaluation.writing import reference_scores, spread_examples
from autotrain.report import Example, Report, Training
from autotrain.training.fit import IGNORED
from autotrain.training.language import LanguageLearner, causal_item
from autotrain.training.rows import SplitRows
from autotrain.training.writing import Writer

Turns = Sequence[dict[str, Any]]


class ChatLearner(LanguageLearner):
    """Cross entropy on what the assistant says, or on whole conversations where that is wished."""

    def items(self, rows: SplitRows) -> list[dict[str, Any]]:
        """Each conversation alone; with `train_on` "everything" all its tokens are learned."""
        if self.params.train_on == "answers":
            return super().items(rows)
        made = []
        for _, lesson in self.taught(rows):
            for each in lesson:
                if isinstance(each, Encoded) and len(each.input_ids) > 1:
                    item = causal_item(each)
                    made.append(item | {"labels": [IGNORED, *item["input_ids"][1:]]})
        return made

    def report(self, training: Training) -> Report:
        """How well the answers of the test rows are expected, and what is written, beside the untouched base."""
        scores, untouched, _, _ = self.language_scores(self.items(self.test))
        chosen = self._asked()
        examples, tuned, base = self._answered(chosen)
        seed = self.params.seed
        ordered = sorted(examples, key=lambda one: one.score or 0.0)
        note = (
            f"Answers were written to {len(examples):,} of the {len(self.test):,} test rows, taking the likeliest word "
            "each time; ROUGE-L compares them with the answers of the rows, of which there may be other good ones."
        )
        return self.measured(
            training,
            scores=(*scores, *reference_scores(tuned, seed)),
            baselines=(untouched.model_copy(update={"scores": (*untouched.scores, *reference_scores(base, seed))}),),
            mistakes=tuple(ordered[: len(ordered) // 2][:10]),
            examples=spread_examples(ordered),
            written=tuple(examples),
            notes=(note,) if examples else (),
        )

    def _asked(self) -> list[tuple[int, Turns, str]]:
        """(row, turns up to the last answer, that answer) of some test rows, spread over the split."""
        every = [
            (number, row["messages"][:-1], row["messages"][-1]["content"])
            for number, row in self.test.numbered()
            if row["messages"][-1]["content"].strip()
        ]
        step = max(1, len(every) // max(1, self.params.written_rows))
        return every[::step][: self.params.written_rows]

    def _answered(
        self, chosen: Sequence[tuple[int, Turns, str]]
    ) -> tuple[list[Example], list[tuple[str, str, bool]], list[tuple[str, str, bool]]]:
        """Examples, and (answer, reference, finished) of the tuned model and of the base."""
        if not chosen:
            return [], [], []
        writer, sampling = Writer(self.model, self.tokenizer), Sampling(max_new_tokens=self.params.written_tokens)
        prompts = [writer.asked(turns) for _, turns, _ in chosen]
        tuned = writer.write(prompts, sampling)
        self.evaluating()(0.75)
        with self.untouched():
            base = Writer(self.model, self.tokenizer).write(prompts, sampling)
        self.evaluating()(1.0)
        triples = [
            [(one.text, reference, one.finished) for one, (_, _, reference) in zip(answers, chosen, strict=True)]
            for answers in (tuned, base)
        ]
        examples = [
            self._example(row, turns, reference, mine, theirs)
            for (row, turns, reference), mine, theirs in zip(chosen, tuned, base, strict=True)
        ]
        return examples, triples[0], triples[1]

    def _example(self, row: int, turns: Turns, reference: str, mine: Written, theirs: Written) -> Example:
        from autotrain.evaluation.writing import rouge_l

        asked = turns[-1]["content"] if len(turns) == 1 else render(self.tokenizer, turns)
        return Example(
            row=row,
            inputs={"prompt": asked[:2000]},
            expected=reference,
            predicted=mine.text,
            untouched=theirs.text,
            cut_off=not mine.finished,
            untouched_cut_off=not theirs.finished,
            score=round(rouge_l(mine.text, reference), 4),
        )
