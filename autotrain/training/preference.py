"""Preference tuning: a language model learns to answer as people like it, from pairs of answers or from thumbs.

The loop is the one of every other task, and not a trainer of TRL's, so that the record, checkpoints, pauses, curves and
early stopping are the same everywhere; `preference_losses` says more. What the base model makes of the answers is
computed once, before anything is learned, and kept with the rows: a resume computes the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import Sampling
from autotrain.encoding.chat import Encoded
from autotrain.errors import DataError
from autotrain.evaluation.language import Told, interval_of_perplexity, perplexity
from autotrain.evaluation.preference import (
    few_sentence,
    gain_sentence,
    length_baseline,
    length_direction,
    means,
    per_token,
    right,
    thumb_scores,
)
from autotrain.events import Log, Phase
from autotrain.models.loading import load_causal
from autotrain.report import Baseline, Example, Report, Score, Training
from autotrain.training.fit import Objective, Rows, come_to
from autotrain.training.language import LanguageLearner, causal_item, divergence, tell
from autotrain.training.packing import PAD_MULTIPLE, CausalCollator
from autotrain.training.pairs import (
    Item,
    PairCollator,
    drift_before,
    pair_item,
    pair_metrics,
    pair_step,
    rows_of,
    sequences_of,
    thumb_items,
    thumb_metrics,
    thumb_step,
)
from autotrain.training.precision import decided
from autotrain.training.preference_losses import PER_TOKEN, REFERENCE_FREE, USUAL_BETA, LossName, Wish
from autotrain.training.rows import SplitRows
from autotrain.training.ways import examples_of, quickest
from autotrain.training.wishes import stop_if_wished
from autotrain.training.writing import Writer

Floats = NDArray[np.float64]
SHOWN_MISTAKES, SHOWN_CHARACTERS = 20, 2000
KL_ROWS = 200
"""Test rows over which the distance to the base is measured; each asks both models for a whole vocabulary."""


def wish_of(params: Any, shape: str) -> Wish:
    """The loss and its numbers; "auto" is DPO for pairs and KTO for thumbs, a beta of 0 the usual one of the loss."""
    usual: LossName = "kto" if shape == "feedback" else "sigmoid"
    loss: LossName = usual if params.loss == "auto" else params.loss
    return Wish(
        loss=loss,
        beta=params.beta or USUAL_BETA[loss],
        smoothing=params.label_smoothing,
        margin=params.target_margin,
        liked_weight=params.liked_weight,
        disliked_weight=params.disliked_weight,
    )


class PreferenceLearner(LanguageLearner):
    """A loss over pairs of answers, or over answers with thumbs, against what the base model makes of them."""

    tunes_whole = False

    def load(self) -> Any:
        """The base with its own head."""
        self.wish = wish_of(self.params, self.shape)
        if self.shape == "feedback":
            require_both_thumbs([("training", self.train), ("validation", self.validation), ("test", self.test)])
        return load_causal(self.attempt.model, self.tokenizer)

    @property
    def by_thumbs(self) -> bool:
        """Whether answers are learned one by one."""
        return self.wish.loss == "kto"

    def encode(self, rows: SplitRows) -> Rows:
        """Pairs, or answers with thumbs, each with what the base makes of it."""
        found = rows_of(self._taught_items(rows))
        if rows is self.train:
            self.examples = examples_of(sequences_of(found.items))
        if found.items and self.wish.loss not in REFERENCE_FREE and rows is not self.test:
            training = rows is self.train
            read = come_to(self.attempt, self.params, found) if training else range(len(found.items))
            self._refer([found.items[place] for place in read], "training" if training else "validation")
        return found

    def _taught_items(self, rows: SplitRows) -> list[Item]:
        numbered = self._sides(rows)
        if not self.by_thumbs:
            return [pair_item(*sides) for _, sides in numbered]
        if self.shape == "feedback":
            liked = {number: bool(row["liked"]) for number, row in rows.numbered()}
            thumbs = [(sides[0], liked[number]) for number, sides in numbered]
        else:
            thumbs = [(side, place == 0) for _, sides in numbered for place, side in enumerate(sides)]
        return thumb_items([item for item, _ in thumbs], [good for _, good in thumbs], self.max_length)

    def _sides(self, rows: SplitRows) -> list[tuple[int, list[Item]]]:
        """(row, tokens and labels of its one or two answers)."""
        return [
            (number, [causal_item(each) for each in made if isinstance(each, Encoded)])
            for number, made in self.taught(rows)
        ]

    def _refer(self, items: list[Item], name: str) -> None:
        """Put the base's log-probabilities into the items."""
        attempt, flat = self.attempt, sequences_of(items)
        attempt.sink.emit(Log(text=f"The base model reads the {len(flat):,} answers of the {name} rows."))

        def progressed(share: float) -> None:
            stop_if_wished(attempt.wishes)
            attempt.sink.emit(Phase(name="tokenise", fraction=min(1.0, share)))

        self.model.to(attempt.device.name)
        # Compared with these are the log-probabilities of the training, so they are computed like them.
        with decided(attempt, self.params).autocast(attempt.device.kind):
            told = tell(self.model, flat, CausalCollator(self.tokenizer.pad_token_id), progressed)
        for item, reference in zip(items, (-told.loss).reshape(-1, 2).tolist(), strict=True):
            item["reference"] = reference

    def objective(self) -> Objective:
        """The wished loss; its value on the validation rows decides."""
        multiple = 1 if self.attempt.device.kind == "cpu" else PAD_MULTIPLE
        quickest(self.attempt, self.params, self.model, self.examples, self.tokenizer.pad_token_id, lays_out=False)
        thumbs = self.by_thumbs
        collator = PairCollator(self.tokenizer.pad_token_id, stacked=not thumbs, multiple=multiple)
        return Objective(
            collator,
            None,
            thumb_metrics if thumbs else pair_metrics,
            "eval_loss",
            step=thumb_step(self.wish) if thumbs else pair_step(self.wish),
            before_update=self._with_drift if thumbs else None,
        )

    def _with_drift(self, batches: list[Any], _updates: int, _accelerator: Any) -> tuple[list[Any], dict[str, float]]:
        """What the loss of each batch needs to know of all of its update."""
        drift_before(self.model, batches)
        return batches, {}

    def report(self, training: Training) -> Report:
        """How well the tuned model tells better answers, how far it went from its base, and what both write."""
        numbered = self._sides(self.test)
        flat = [side for _, sides in numbered for side in sides]
        general, progressed = self.general(), self.evaluating()
        tuned, tuned_general = self.told(flat), self.told(general)
        progressed(0.2)
        with self.untouched():
            base, base_general = self.told(flat), self.told(general)
        progressed(0.4)
        liked = self._liked(numbered)
        wanted = [sides[0] for place, (_, sides) in enumerate(numbered) if self.shape != "feedback" or liked[place]]
        step = max(1, len(wanted) // KL_ROWS)
        gone = divergence(self.model, wanted[::step], CausalCollator(self.tokenizer.pad_token_id))
        progressed(0.6)
        judged = self._by_thumbs if self.shape == "feedback" else self._by_pairs
        scores, baselines, mistakes, notes = judged(numbered, tuned, base)
        seed = self.params.seed
        forgotten = [
            Score.of("general_perplexity", perplexity(each), interval_of_perplexity(each, seed))
            for each in (tuned_general, base_general)
        ]
        untouched = baselines[0].model_copy(update={"scores": (*baselines[0].scores, forgotten[1])})
        return self.measured(
            training,
            scores=(*scores, per_token(gone[:, 0], gone[:, 1], seed), forgotten[0]),
            baselines=(untouched, *baselines[1:]),
            mistakes=mistakes,
            examples=self._written(numbered, liked),
            notes=notes,
        )

    def _liked(self, numbered: Sequence[tuple[int, list[Item]]]) -> NDArray[np.bool_]:
        rows = dict(self.test.numbered())
        return np.array([bool(rows[number].get("liked", True)) for number, _ in numbered])

    def _rewards(self, tuned: Told, base: Told) -> Floats:
        """(answers,) as `preference_losses.rewards_of` has them."""
        gained = -tuned.loss if self.wish.loss in REFERENCE_FREE else base.loss - tuned.loss
        divided = gained / np.maximum(tuned.tokens, 1) if self.wish.loss in PER_TOKEN else gained
        return np.asarray(self.wish.beta * divided)

    def _by_pairs(
        self, numbered: Sequence[tuple[int, list[Item]]], tuned: Told, base: Told
    ) -> tuple[tuple[Score, ...], list[Baseline], tuple[Example, ...], list[str]]:
        seed, rewards = self.params.seed, self._rewards(tuned, base).reshape(-1, 2)
        hits, margins = right(*rewards.T), rewards[:, 0] - rewards[:, 1]
        expects = right(*-tuned.loss.reshape(-1, 2).T)
        names = ("preference_accuracy", "margin", "likelihood_accuracy")
        scores = means(names, np.stack([hits, margins, expects], axis=1), seed)
        whole = right(*-base.loss.reshape(-1, 2).T)
        mean = right(*(-base.loss / np.maximum(base.tokens, 1)).reshape(-1, 2).T)

        def scored(values: Floats, *more: str) -> tuple[Score, ...]:
            named = ("preference_accuracy", *more)
            return means(named, np.stack([values] * len(named), axis=1), seed)

        baselines = [*_untouched(scored(whole, "likelihood_accuracy"), scored(mean))]
        if len(self.train):  # whether long answers are the better ones, is learned
            direction = length_direction(*lengths_of(self.train.rows).T)
            by_length = right(*(direction * self._lengths(numbered)).T)
            baselines.append(length_baseline(scored(by_length), direction))
        worst = [place for place in np.argsort(margins, kind="stable")[:SHOWN_MISTAKES] if margins[place] < 0]
        mistakes = tuple(
            self._mistake(numbered[place][0], float(margins[place]), bool(whole[place] >= 0.5)) for place in worst
        )
        notes = [gain_sentence(hits, whole, "the untouched base", seed), *few_sentence(len(hits), "pairs")]
        return scores, baselines, mistakes, notes

    def _by_thumbs(
        self, numbered: Sequence[tuple[int, list[Item]]], tuned: Told, base: Told
    ) -> tuple[tuple[Score, ...], list[Baseline], tuple[Example, ...], list[str]]:
        seed, liked = self.params.seed, self._liked(numbered)
        rewards = self._rewards(tuned, base)
        baselines = _untouched(
            thumb_scores(-base.loss, liked, seed), thumb_scores(-base.loss / np.maximum(base.tokens, 1), liked, seed)
        )
        if len(self.train):
            own, seen = lengths_of(self.train.rows)[:, 0], np.array([row["liked"] for row in self.train.rows])
            direction = 1 if own[seen].mean() >= own[~seen].mean() else -1
            lengths = direction * self._lengths(numbered)[:, 0]
            baselines.append(length_baseline(thumb_scores(lengths, liked, seed), direction))
        notes = [
            "AUROC is the share of pairs of a liked answer and another in which the liked one is wanted more.",
            *few_sentence(len(liked), "answers"),
        ]
        return thumb_scores(rewards, liked, seed, margin=True), baselines, (), notes

    def _lengths(self, numbered: Sequence[tuple[int, list[Item]]]) -> Floats:
        rows = dict(self.test.numbered())
        return lengths_of([rows[number] for number, _ in numbered])

    def _mistake(self, number: int, margin: float, base_right: bool) -> Example:
        row = dict(self.test.numbered())[number]
        better, worse = said(row["chosen"]), said(row["rejected"])
        return Example(
            row=number,
            inputs={"prompt": said(row["prompt"])[:SHOWN_CHARACTERS]},
            expected=better[:SHOWN_CHARACTERS],
            predicted=worse[:SHOWN_CHARACTERS],
            untouched=(better if base_right else worse)[:SHOWN_CHARACTERS],
            confidence=1 / (1 + float(np.exp(max(margin, -50.0)))),
        )

    def _written(self, numbered: Sequence[tuple[int, list[Item]]], liked: NDArray[np.bool_]) -> tuple[Example, ...]:
        """What the tuned and the untouched model answer to some test prompts, the likeliest word each time."""
        rows = dict(self.test.numbered())
        every = [number for place, (number, _) in enumerate(numbered) if liked[place]]
        step = max(1, len(every) // max(1, self.params.written_rows))
        chosen = every[::step][: self.params.written_rows]
        if not chosen:
            return ()
        writer, sampling = Writer(self.model, self.tokenizer), Sampling(max_new_tokens=self.params.written_tokens)
        prompts = [writer.asked(rows[number]["prompt"], rows[number].get("tools", ())) for number in chosen]
        tuned = writer.write(prompts, sampling)
        self.evaluating()(0.8)
        with self.untouched():
            base = Writer(self.model, self.tokenizer).write(prompts, sampling)
        answer = "completion" if self.shape == "feedback" else "chosen"
        return tuple(
            Example(
                row=number,
                inputs={"prompt": said(rows[number]["prompt"])[:SHOWN_CHARACTERS]},
                expected=said(rows[number][answer])[:SHOWN_CHARACTERS],
                predicted=mine.text,
                untouched=theirs.text,
            )
            for number, mine, theirs in zip(chosen, tuned, base, strict=True)
        )


def _untouched(whole: tuple[Score, ...], mean: tuple[Score, ...]) -> list[Baseline]:
    """The base model by the log-probability of answers as a whole, and of a mean token of theirs."""
    return [
        Baseline(
            name="untouched",
            title="Base model, untouched",
            explanation="The same model before this training: the answer that it expects more is taken for the better.",
            scores=whole,
        ),
        Baseline(
            name="untouched_per_token",
            title="Base model, token by token",
            explanation="The same, by the mean over an answer's tokens, so that its length does not count.",
            scores=mean,
        ),
    ]


def said(turns: Sequence[Any]) -> str:
    """The words of turns as one text; of several each begins with who speaks."""
    if len(turns) == 1:
        return str(turns[0]["content"])
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def lengths_of(rows: Sequence[Any]) -> Floats:
    """(rows, answers) characters of each answer: the better one's and the worse one's, or those of the only one."""
    sides = [side for side in ("chosen", "rejected", "completion") if side in rows[0]]
    return np.array([[len(said(row[side])) for side in sides] for row in rows], dtype=np.float64)


def require_both_thumbs(splits: Sequence[tuple[str, SplitRows]]) -> None:
    """Raise DataError where a part has thumbs of one kind only: there is nothing to learn or to judge by."""
    for name, rows in splits:
        kinds = {bool(row["liked"]) for row in rows.rows}
        if len(kinds) == 1:
            has = "up" if True in kinds else "down"
            raise DataError(
                f"All {len(rows):,} {name} rows have a thumb {has}. Add answers with the other one, or give this part "
                "more rows.",
                code="one-sided-thumbs",
            )
