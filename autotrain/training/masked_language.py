"""Training, evaluating and loading an encoder that reads on in texts of a field by telling masked words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autotrain.answers import PLAINLY, Asking, Filled, Guess
from autotrain.encoding.masking import Block, Masker, document_blocks
from autotrain.errors import DataError
from autotrain.evaluation.language import GENERAL_TEXTS, Told, interval_of_perplexity, perplexity
from autotrain.evaluation.masked_words import frequencies, frequency_baseline, told_by_frequency, word_scores
from autotrain.events import Log, Phase
from autotrain.models.loading import load_masked, longest_input
from autotrain.report import Baseline, Example, Report, Score, Training
from autotrain.task import Masking
from autotrain.training.adapter import load_adapter
from autotrain.training.fit import IGNORED, Objective, Rows
from autotrain.training.language import told_metrics
from autotrain.training.learner import ROWS_AT_ONCE, Learner
from autotrain.training.masked_words import PAD_MULTIPLE, MaskingCollator, labels_of, masked_step, tell
from autotrain.training.rows import SplitRows
from autotrain.training.wishes import stop_if_wished

SHOWN, SHOWN_CHARACTERS = 10, 400
GUESSES = 10
"""Words that are named for a mask."""
BLANK = re.compile(r"\[MASK\]|<mask>|_{3,}", re.IGNORECASE)
"""What people write where a word is missing."""
NEW_HEAD = (
    "The base model has no trained head for masked words, as sentence encoders have none. A new one is learned from "
    "these texts and saved with the adapter; for what it tells of rare words, a base that has one is better."
)


class MaskedLanguageLearner(Learner):
    """Cross entropy on masked tokens (Devlin et al., 2019), whose places are new in each epoch (Liu et al., 2019)."""

    params: Any

    def load(self) -> Any:
        """The base with its own head, or with a new one where it has none."""
        model = load_masked(self.attempt.model, self.tokenizer)
        if self.model is not None:  # once more, to compare with
            return model
        self.new_head = bool(model.new_layers)
        if self.new_head and not self.known:
            self.attempt.sink.emit(Log(text=NEW_HEAD))
        self.masker = Masker(self.tokenizer, Masking(self.params.mlm_probability, self.params.seed))
        multiple = 1 if self.attempt.device.kind == "cpu" else PAD_MULTIPLE
        self.collator = MaskingCollator(self.tokenizer.pad_token_id, self.masker, multiple=multiple)
        return model

    def encode(self, rows: SplitRows) -> Rows:
        """Training blocks as they are, masked anew in each epoch; those of the other splits masked once and for all."""
        made = []
        for number, place, block in self._blocks(rows):
            if rows is self.train:
                labels = labels_of(block.input_ids, block.own)
                made.append({"input_ids": list(block.input_ids), "labels": labels, "key": (number, place)})
            else:
                made.append(self._fixed(block, (number, place)))
        return Rows(made)

    def objective(self) -> Objective:
        """The perplexity on the masked words of the validation texts decides."""
        return Objective(
            self.collator,
            None,
            told_metrics,
            "eval_perplexity",
            step=masked_step,
            begin_epoch=self.collator.begin_epoch,
        )

    def note(self) -> dict[str, Any]:
        """Whether the head is of this training."""
        return {"new_head": self.new_head}

    def report(self, training: Training) -> Report:
        """How well masked words of new texts are told, beside the untouched base and the words' frequency."""
        blocks = list(self._blocks(self.test))
        items = [self._fixed(block, (number, place)) for number, place, block in blocks]
        general = [
            self._fixed(block, (number, place))
            for number, text in enumerate(GENERAL_TEXTS)
            for place, block in enumerate(document_blocks(self.tokenizer, text, self.max_length))
        ]
        progressed = self.evaluating()
        tuned, tuned_general = self._told(items), self._told(general)
        progressed(0.4)
        rival = self._by_frequency(items) if len(self.train) else None
        baselines = [frequency_baseline(rival, self.params.seed)] if rival is not None else []
        if not self.new_head:
            with self.untouched():
                rival, base_general = self._told(items), self._told(general)
            baselines.insert(0, self._untouched(rival, base_general))
        progressed(0.9)
        texts = dict(self.test.numbered())
        before = rival.loss if rival is not None else 0.0
        gained = (before - tuned.loss) / np.maximum(tuned.tokens, 1)
        order = np.argsort(gained, kind="stable")

        def example(place: int) -> Example:
            return self._example(blocks[place], items[place], texts, (tuned, rival), place)

        return self.measured(
            training,
            scores=self._scores(tuned, tuned_general),
            baselines=tuple(baselines),
            mistakes=tuple(example(int(place)) for place in order[: SHOWN // 2] if rival and gained[place] < 0),
            examples=tuple(example(int(place)) for place in order[::-1][:SHOWN]),
            notes=self._notes(int(tuned.tokens.sum())),
        )

    def _blocks(self, rows: SplitRows) -> list[tuple[int, int, Block]]:
        """(row, place in it, block) of every document, whole: nothing is cut off."""
        made = []
        for count, (number, row) in enumerate(rows.numbered()):
            if count % ROWS_AT_ONCE == 0:
                stop_if_wished(self.attempt.wishes)
                if rows is not self.test:
                    self.attempt.sink.emit(Phase(name="tokenise", fraction=count / max(1, len(rows))))
            blocks = document_blocks(self.tokenizer, row["text"], self.max_length)
            if rows is not self.test:
                self.passed.seen += 1
                if not blocks:
                    self.passed.nothing.add(number)
            made += [(number, place, block) for place, block in enumerate(blocks)]
        return made

    def _fixed(self, block: Block, key: tuple[int, int]) -> dict[str, Any]:
        masked = self.masker.judged(block.input_ids, block.own, key)
        return {"input_ids": list(masked.input_ids), "labels": labels_of(block.input_ids, masked.chosen)}

    def _told(self, items: Sequence[dict[str, Any]]) -> Told:
        return tell(self.model, items, self.collator)

    def _by_frequency(self, items: Sequence[dict[str, Any]]) -> Told:
        own = (
            [token for token, of_text in zip(block.input_ids, block.own, strict=True) if of_text]
            for _, _, block in self._blocks(self.train)
        )
        hidden = [[label for label in item["labels"] if label != IGNORED] for item in items]
        return told_by_frequency(frequencies(own, len(self.tokenizer)), hidden)

    def _scores(self, told: Told, general: Told) -> tuple[Score, ...]:
        seed = self.params.seed
        elsewhere = Score.of("general_perplexity", perplexity(general), interval_of_perplexity(general, seed))
        return (*word_scores(told, seed), elsewhere)

    def _untouched(self, told: Told, general: Told) -> Baseline:
        return Baseline(
            name="untouched",
            title="Base model, untouched",
            explanation="The same model before this training, on the same masked words.",
            scores=self._scores(told, general),
        )

    def _example(
        self,
        block: tuple[int, int, Block],
        item: Mapping[str, Any],
        texts: Mapping[int, Any],
        told: tuple[Told, Told | None],
        place: int,
    ) -> Example:
        """One block: its text with the masks, the words under them, and how well they were told before and after."""
        number, _, _ = block
        seen = [token for token, own in zip(item["input_ids"], block[2].own, strict=True) if own]
        hidden = [self.tokenizer.decode([label]).strip() for label in item["labels"] if label != IGNORED]
        tuned, rival = told
        text = self.tokenizer.decode(seen) if seen else texts[number]["text"]
        return Example(
            row=number,
            inputs={"text": text[:SHOWN_CHARACTERS]},
            expected=", ".join(hidden)[:SHOWN_CHARACTERS],
            predicted=_perplexity_of(tuned, place),
            untouched=_perplexity_of(rival, place) if rival else None,
        )

    def _notes(self, masked: int) -> list[str]:
        order = "what was gained over the untouched model"
        if self.new_head:
            order = "what was gained over the frequency of words" if len(self.train) else "how well they were told"
        notes = [
            f"Judged are {masked:,} masked tokens of the test texts, the same ones before and after. Texts come in the "
            f"order of {order}."
        ]
        if self.new_head:
            notes.append(NEW_HEAD)
            notes.append("Without a trained head the untouched base tells nothing, so it is not among the baselines.")
        return notes


def _perplexity_of(told: Told, place: int) -> str:
    return f"perplexity {np.exp(told.loss[place] / max(1, told.tokens[place])):.1f}"


class Filler:
    """A finished adapter, loaded. Names the likeliest words for each place that is left open in a text."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._room = longest_input(model, tokenizer)

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Filled]:
        """The words for the open places of each input: the model's own mask, [MASK], <mask> or ___.

        Raises:
            DataError: a text has no open place.
        """
        return [self._fill(next(iter(item.values()))) for item in inputs]

    def _fill(self, text: str) -> Filled:
        import torch

        mask = self._tokenizer.mask_token_id
        written = BLANK.sub(lambda _: self._tokenizer.mask_token, text)
        ids = self._tokenizer(written, add_special_tokens=False)["input_ids"]
        places = [place for place, token in enumerate(ids) if token == mask]
        if not places:
            raise DataError(
                f"“{text[:60]}” has no open place. Write [MASK] or ___ where a word is missing.", code="no-mask"
            )
        guesses: list[tuple[Guess, ...]] = []
        device = next(self._model.parameters()).device
        was_training = self._model.training
        self._model.eval()
        with torch.inference_mode():
            for place in places:
                window, at = self._around(ids, place)
                batch = {"input_ids": torch.tensor([window], device=device)}
                logits = self._model(**batch, attention_mask=torch.ones_like(batch["input_ids"])).logits[0, at].double()
                logits[self._tokenizer.all_special_ids] = -torch.inf
                best = logits[: len(self._tokenizer)].softmax(-1).topk(GUESSES)
                guesses.append(self._guesses(best.indices.tolist(), best.values.tolist()))
        self._model.train(was_training)
        filled = iter([best[0].word.removeprefix("##") for best in guesses])
        pieces = re.split(re.escape(self._tokenizer.mask_token), written)
        return Filled(
            text="".join(
                piece + (next(filled, "") if number < len(pieces) - 1 else "") for number, piece in enumerate(pieces)
            ),
            guesses=tuple(guesses),
        )

    def _guesses(self, tokens: Sequence[int], sure: Sequence[float]) -> tuple[Guess, ...]:
        words = [self._tokenizer.decode([token]).strip() for token in tokens]
        return tuple(Guess(word=word, probability=min(1.0, value)) for word, value in zip(words, sure, strict=True))

    def _around(self, ids: Sequence[int], place: int) -> tuple[list[int], int]:
        """As much of the text around a place as the model reads, with its special tokens, and the place in that."""
        alone = self._tokenizer("a", add_special_tokens=False)["input_ids"]
        framed = self._tokenizer("a")["input_ids"]
        first = next(at for at in range(len(framed)) if framed[at : at + len(alone)] == alone)
        before, after = framed[:first], framed[first + len(alone) :]
        room = self._room - len(before) - len(after)
        start = max(0, min(place - room // 2, len(ids) - room))
        part = list(ids[start : start + room])
        return [*before, *part, *after], len(before) + place - start


def load_filler(artifact: Path, model: Path) -> Filler:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    loaded, tokenizer, _ = load_adapter(artifact, model, lambda tokenizer, _: load_masked(model, tokenizer))
    return Filler(loaded, tokenizer)
