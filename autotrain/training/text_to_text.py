"""Text to text: an encoder-decoder learns to write the targets of a table for its sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autotrain.answers import Sampling, Written
from autotrain.encoding.chat import Encoded
from autotrain.encoding.texts import Rewriting
from autotrain.errors import DataError
from autotrain.evaluation.language import interval_of_perplexity, perplexity
from autotrain.evaluation.rewriting import chrf_of, lead, rewriting_scores, tokenisation
from autotrain.evaluation.writing import rouge_l, spread_examples, words
from autotrain.events import Log
from autotrain.models.loading import load_seq2seq, longest_output
from autotrain.report import Baseline, Example, Report, Score, Training
from autotrain.training.fit import IGNORED, Objective, Rows
from autotrain.training.language import Step, tell, told_metrics
from autotrain.training.learner import Learner
from autotrain.training.next_token import told_loss
from autotrain.training.packing import PAD_MULTIPLE
from autotrain.training.rewriting import Beginning, Rewriter, beginning, choose_languages
from autotrain.training.rows import SplitRows
from autotrain.training.writing import stop_tokens

SHOWN_CHARACTERS = 2000


@dataclass(frozen=True)
class _Asked:
    """A row that is written for: its number, what is read in tokens and as text, and what the row says."""

    row: int
    tokens: list[int]
    source: str
    target: str


class TextToTextLearner(Learner):
    """Cross entropy on the tokens of the targets, summed and divided by all that are accumulated."""

    kind = "SEQ_2_SEQ_LM"
    params: Any
    begins: Beginning
    cut: str | None = None
    """What is not learned of targets that are too long, as a sentence."""

    def load(self) -> Any:
        """The base with its own head, and what its targets look like."""
        choose_languages(self.tokenizer, self.params.source_language, self.params.target_language)
        model = load_seq2seq(self.attempt.model, self.tokenizer)
        self.begins = beginning(model, self.tokenizer)
        most, wished = longest_output(model), self.params.max_target_length
        if most < wished:
            said = f"Targets are cut at {most:,} tokens and not at {wished:,}: the model can write no more."
            self.attempt.sink.emit(Log(text=said))
        self.rewriting = Rewriting(self.params.source_prefix, min(most, wished))
        return model

    def encode(self, rows: SplitRows) -> Rows:
        """Source, target, and what the decoder reads while it writes it: the target one place later.

        Raises:
            DataError: every training target is cut, so that none shows how to end.
        """
        made = [pair for _, pair in self.taught(rows)]
        if rows is self.train:
            self._say_cut([target for _, target in made if isinstance(target, Encoded)])
        return Rows([self._item(source, target) for source, target in made], tokens=_size)

    def _item(self, source: Any, target: Any) -> dict[str, Any]:
        labels = list(target.input_ids)
        return {
            "input_ids": list(source.input_ids),
            "decoder_input_ids": [self.begins.start, *labels[:-1]],
            "labels": labels,
        }

    def _say_cut(self, targets: Sequence[Encoded]) -> None:
        cut = sum(target.whole > len(target.input_ids) for target in targets)
        kept, longest = self.rewriting.max_target_length, max((target.whole for target in targets), default=0)
        if targets and cut == len(targets):
            raise DataError(
                f"All {cut:,} training targets are longer than {kept:,} tokens, so that the model would never learn "
                f"how one ends. Raise the longest target to {longest:,} tokens, choose a model that can write as "
                "much, or shorten the targets.",
                code="targets-too-long",
            )
        self.cut = (
            f"{cut:,} of {len(targets):,} training targets are longer than {kept:,} tokens; what is behind that, and "
            "how they end, was not learned."
            if cut
            else None
        )
        if self.cut:
            self.attempt.sink.emit(Log(level="warning", text=self.cut))

    def objective(self) -> Objective:
        """The perplexity of the validation targets decides, or a measure of what is written to some of them."""
        multiple = 1 if self.attempt.device.kind == "cpu" else PAD_MULTIPLE
        decides, metrics = self.params.decides, told_metrics
        if decides == "loss":
            return Objective(
                self._collator(multiple), None, metrics, "eval_perplexity", step=self._step(), by_tokens=True
            )
        chosen = self._asked(self.validation, self.params.validated_rows)

        def judged(prediction: Any) -> dict[str, float]:
            written = self._writer().write([one.tokens for one in chosen], self._sampling())
            pairs = [(mine.text, one.target) for mine, one in zip(written, chosen, strict=True)]
            return told_metrics(prediction) | {decides: _MEASURED[decides](pairs)}

        return Objective(self._collator(multiple), None, judged, f"eval_{decides}", step=self._step(), by_tokens=True)

    def note(self) -> Mapping[str, Any]:
        """How a source is read and a target written."""
        named = ("source_prefix", "num_beams", "source_language", "target_language")
        return {name: getattr(self.params, name) for name in named} | {
            "max_target_length": self.rewriting.max_target_length,
            "generation": {  # for whoever writes with it elsewhere
                "max_new_tokens": self.rewriting.max_target_length,
                "num_beams": self.params.num_beams,
                "decoder_start_token_id": self.begins.start,
                "forced_bos_token_id": self.begins.first,
                "eos_token_id": sorted(stop_tokens(self.model, self.tokenizer)),
            },
        }

    def report(self, training: Training) -> Report:
        """How well the test targets are expected and written, beside the untouched base and a copy of the source."""
        chosen, seed = self._asked(self.test, self.params.written_rows), self.params.seed
        items = self.encode(self.test).items
        tuned, tuned_scores = self._answered(chosen, items, 0.0)
        with self.untouched():
            base, base_scores = self._answered(chosen, items, 0.5)
        leads = self.params.decides if self.params.decides != "loss" else "rouge_l"
        scored = partial(rewriting_scores, seed=seed, first=leads)
        pairs = [
            [(one.text, each.target, one.finished) for one, each in zip(answers, chosen, strict=True)]
            for answers in (tuned, base)
        ]
        untouched = Baseline(
            name="untouched",
            title="Base model, untouched",
            explanation="The same model before this training, on the same rows and with the same settings.",
            scores=(*scored(pairs[1]), *base_scores),
        )
        examples = sorted(
            (self._example(each, mine, theirs, leads) for each, mine, theirs in zip(chosen, tuned, base, strict=True)),
            key=lambda one: one.score or 0.0,
        )
        return self.measured(
            training,
            scores=(*scored(pairs[0]), *tuned_scores),
            baselines=(untouched, *self._copied(chosen, scored)),
            mistakes=tuple(examples[: len(examples) // 2][:10]),
            examples=spread_examples(examples),
            notes=(self.cut, self._told_how(chosen)),
        )

    def _answered(
        self, chosen: Sequence[_Asked], items: Sequence[dict[str, Any]], begun: float
    ) -> tuple[list[Written], tuple[Score, ...]]:
        """What the model as it is now writes, and how well it expects all targets; half of the evaluation."""
        progressed = self.evaluating()
        told = tell(self.model, items, self._collator(), step=self._step())
        progressed(begun + 0.1)
        prompts = [one.tokens for one in chosen]
        written = self._writer().write(
            prompts, self._sampling(), progressed=lambda share: progressed(begun + 0.1 + 0.4 * share)
        )
        scores = (
            Score.of("perplexity", perplexity(told), interval_of_perplexity(told, self.params.seed)),
            Score.of("token_accuracy", float(told.right.sum() / max(1, told.tokens.sum()))),
        )
        return written, scores

    def _copied(self, chosen: Sequence[_Asked], scored: Callable[..., tuple[Score, ...]]) -> list[Baseline]:
        if not len(self.train):  # how long a target is, is learned
            return []
        wanted = float(np.mean([len(words(row["target"])) for row in self.train.rows]))
        copies = [(lead(one.source, wanted), one.target, True) for one in chosen]
        copy = Baseline(
            name="copy",
            title="Copy of the source",
            explanation=f"The first sentences of the source, as many as come nearest to the {wanted:,.0f} words that "
            "targets have on average.",
            scores=scored(copies, finished=False),
        )
        return [copy]

    def _asked(self, rows: SplitRows, most: int) -> list[_Asked]:
        """At most so many rows, spread over the split."""
        every = rows.numbered()
        places = np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int)
        reader = self._writer()
        return [
            _Asked(number, reader.prompt(row["source"]), row["source"], row["target"])
            for number, row in (every[place] for place in places)
        ]

    def _writer(self) -> Rewriter:
        return Rewriter(
            self.model,
            self.tokenizer,
            self.begins,
            num_beams=self.params.num_beams,
            prefix=self.params.source_prefix,
            max_length=self.max_length,
        )

    def _sampling(self) -> Sampling:
        return Sampling(max_new_tokens=self.rewriting.max_target_length)

    def _collator(self, multiple: int = 1) -> RewritingCollator:
        return RewritingCollator(self.tokenizer.pad_token_id, multiple)

    def _step(self) -> Step:
        return partial(rewriting_step, smoothing=self.params.label_smoothing)

    def _example(self, asked: _Asked, mine: Written, theirs: Written, leads: str) -> Example:
        return Example(
            row=asked.row,
            inputs={"source": asked.source[:SHOWN_CHARACTERS]},
            expected=asked.target,
            predicted=mine.text,
            untouched=theirs.text,
            cut_off=not mine.finished,
            untouched_cut_off=not theirs.finished,
            score=round(_MEASURED[leads]([(mine.text, asked.target)]) / (100 if leads == "chrf" else 1), 4),
        )

    def _told_how(self, chosen: Sequence[_Asked]) -> str:
        beams = self.params.num_beams
        way = "the likeliest word each time" if beams == 1 else f"the best of {beams} texts that were followed at once"
        which = "each" if len(chosen) == len(self.test) else f"{len(chosen):,}"
        return (
            f"Texts were written for {which} of the {len(self.test):,} test rows, taking {way}. BLEU and chrF are "
            f"those of sacrebleu, BLEU with its tokenisation {tokenisation([one.target for one in chosen])!r}; "
            "other good texts than the table's may score low."
        )


def _mean_rouge_l(pairs: Sequence[tuple[str, str]]) -> float:
    return float(np.mean([rouge_l(written, said) for written, said in pairs]))


_MEASURED: dict[str, Callable[[Sequence[tuple[str, str]]], float]] = {
    "rouge_l": _mean_rouge_l,
    "chrf": lambda pairs: chrf_of([written for written, _ in pairs], [said for _, said in pairs]),
}
"""The measures of (written, reference) pairs that may decide."""


def _size(item: Mapping[str, Any]) -> int:
    return len(item["input_ids"]) + len(item["labels"])


class RewritingCollator:
    """Sources and targets as a batch, each padded on the right to its longest one.

    What the decoder reads is padded without a mask: it looks back only, and behind its end nothing is learned.
    """

    def __init__(self, padding: int, multiple: int = 1) -> None:
        self._padding, self._multiple = padding, multiple

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """(rows, longest) tensors; the mask is 1 where a source has a token."""
        sources = [item["input_ids"] for item in items]
        return {
            "input_ids": self._padded(sources, self._padding),
            "attention_mask": self._padded([[1] * len(row) for row in sources], 0),
            "decoder_input_ids": self._padded([item["decoder_input_ids"] for item in items], self._padding),
            "labels": self._padded([item["labels"] for item in items], IGNORED),
        }

    def _padded(self, rows: Sequence[Sequence[int]], filling: int) -> Any:
        import torch

        length = math.ceil(max(map(len, rows)) / self._multiple) * self._multiple
        return torch.tensor([[*row, *[filling] * (length - len(row))] for row in rows])


def rewriting_step(
    model: Any, batch: Mapping[str, Any], items: Any = None, *, smoothing: float = 0.0
) -> tuple[Any, dict[str, Any]]:
    """Cross entropy of the targets' tokens, divided by `items`, smoothed in training only; of each row its sums."""
    inputs = {name: values for name, values in batch.items() if name != "labels"}
    logits = model(**inputs, use_cache=False).logits.float()
    return told_loss(logits, batch["labels"], items, smoothing if model.training else 0.0)
