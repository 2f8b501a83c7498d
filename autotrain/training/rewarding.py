"""Learning by rewards: a language model writes answers, and what can be checked about them is what it learns."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from autotrain.answers import Sampling
from autotrain.encoding.chat import Encoded
from autotrain.encoding.template import render
from autotrain.errors import DataError
from autotrain.evaluation.bootstrap import samples, scores_of
from autotrain.evaluation.examples import shown
from autotrain.evaluation.intervals import percentile_interval
from autotrain.evaluation.language import interval_of_perplexity, perplexity
from autotrain.evaluation.rewards import FULL, rewards_of
from autotrain.evaluation.writing import spread_examples
from autotrain.events import Log
from autotrain.models.loading import load_causal, longest_input
from autotrain.report import Baseline, Example, Report, Score, Training
from autotrain.training.fit import Objective, Rows
from autotrain.training.language import LanguageLearner
from autotrain.training.rollouts import Asked, Floats, Judge, Judged, Rollouts, policy_loss
from autotrain.training.rows import SplitRows

FIRST_ANSWERS = 64
"""Answers after which it is said when no prompt has had two that differ in what they earned."""
SHORTEST_PROMPT = 8
"""Tokens that must be left for a prompt: a template alone takes about as many."""
MEASURED = ("pass_at_1", "reward", "stopped", "answer_tokens")


class GrpoLearner(LanguageLearner):
    """Group relative policy optimisation (GRPO) on rewards that are computed."""

    asks_base = True

    def load(self) -> Any:
        """The base with its own head, once the rewards are known to be computable."""
        self.rewards = rewards_of(self.params)
        self.asked: list[Asked] = []
        self.quiet = False
        return load_causal(self.attempt.model, self.tokenizer)

    def encode(self, rows: SplitRows) -> Rows:
        """The prompts of a split that are whole; of the validation split as many as are answered each time."""
        self.max_length = min(self.max_length, self._room())
        found = self._asked(rows)
        if rows is self.validation:
            found = spread(found, self.params.validation_rows)
        first = len(self.asked)
        self.asked += found
        return Rows([{"input_ids": one.prompt, "row": first + place, "labels": 0} for place, one in enumerate(found)])

    def objective(self) -> Objective:
        """Answers of the model as it is now, and what they earn; the mean reward on validation decides."""
        self._required("test", Rows([{"input_ids": one.prompt} for one in self.tested]))
        self.rollouts = Rollouts(Judge(self.model, self.tokenizer, self.rewards), self.params, self.asked)
        return Objective(
            _rows,
            None,
            self._metrics,
            "eval_reward",
            step=self._step,
            before_update=self._before_update,
            by_tokens=True,  # how hard prompts are goes with their length
        )

    @functools.cached_property
    def tested(self) -> list[Asked]:
        """The prompts of the test split that are answered in the end."""
        return spread(self._asked(self.test), self.params.written_rows)

    def report(self, training: Training) -> Report:
        """What answers to the test rows earn, beside those of the untouched base to the same rows."""
        asked, progressed = self.tested, self.evaluating()
        tuned = self._answered(asked)
        progressed(0.4)
        general = self.general()
        told = self.told(general)
        with self.untouched():
            base, base_told = self._answered(asked), self.told(general)
        progressed(1.0)
        seed = self.params.seed
        baseline = Baseline(
            name="untouched",
            title="Base model, untouched",
            explanation="The same model before this training, on the same rows.",
            scores=(*self._scores(base), _general(base_told, seed)),
        )
        turns = dict(self.test.numbered())
        examples = [
            self._example(one, turns[one.row]["messages"], mine, theirs)
            for one, mine, theirs in zip(asked, tuned, base, strict=True)
        ]
        ordered = sorted(examples, key=lambda one: one.score or 0.0)
        return self.measured(
            training,
            scores=(*self._scores(tuned), _general(told, seed)),
            baselines=(baseline,),
            mistakes=tuple(one for one in ordered[:10] if (one.score or 0.0) < FULL),
            examples=spread_examples(ordered),
            notes=(
                gain_sentence(earned_by(tuned), earned_by(base), seed),
                f"Answers were written to {len(asked):,} of the {len(self.test):,} test rows, taking the likeliest "
                "word each time. Pass@1 counts those that earn the full reward.",
            ),
        )

    def _room(self) -> int:
        """Tokens that an answer leaves for the prompt."""
        most, answer = longest_input(self.model, self.tokenizer), int(self.params.max_completion_length)
        if most - answer < SHORTEST_PROMPT:
            raise DataError(
                f"The model reads {most:,} tokens with the answer, and answers of {answer:,} tokens leave no room for "
                f'a prompt. Lower "Longest answer, in tokens" to {max(1, most // 2):,} or less.',
                code="no-room",
            )
        return most - answer

    def _asked(self, rows: SplitRows) -> list[Asked]:
        answers = {number: row["answer"] for number, row in rows.numbered()}
        return [
            Asked(number, made[0].input_ids, answers[number])
            for number, made in self.taught(rows)
            if isinstance(made[0], Encoded)
        ]

    def _before_update(self, batches: list[Any], updates: int, accelerator: Any) -> tuple[list[Any], dict[str, float]]:
        made = self.rollouts(batches, updates, accelerator)
        seen = self.rollouts.groups * self.params.num_generations
        if not self.quiet and seen >= FIRST_ANSWERS:
            self.quiet = True
            if self.rollouts.level == self.rollouts.groups and accelerator.is_main_process:
                self.attempt.sink.emit(Log(level="warning", text=no_difference(self.rollouts.best, seen)))
        return made

    def _step(self, model: Any, batch: dict[str, Any], items: Any = None) -> tuple[Any, dict[str, Any]]:
        """The loss of an update's answers; in an evaluation what the likeliest answers miss of the reward."""
        import torch

        if "advantages" in batch:
            loss, told = policy_loss(model, batch, self.params)
            return loss, {"told": told}
        judged = self._answered([self.asked[row] for row in batch["row"].tolist()])
        values = torch.tensor(figures(judged), dtype=torch.float32, device=batch["row"].device)
        return (1 - values[:, 1]).mean(), {"logits": values}

    def _metrics(self, prediction: Any) -> dict[str, float]:
        found = prediction.predictions
        values = np.asarray(found[0] if isinstance(found, tuple) else found, dtype=np.float64).mean(axis=0)
        return dict(zip(self._names(), values.tolist(), strict=True))

    def _names(self) -> list[str]:
        """What `figures` are called; a single reward is the mean reward already."""
        each = [f"reward_{reward.name}" for reward in self.rewards]
        return [*MEASURED, *(each if len(each) > 1 else [])]

    def _answered(self, asked: Sequence[Asked]) -> list[Judged]:
        """The likeliest answers of the model as it is now."""
        judge = Judge(self.model, self.tokenizer, self.rewards)
        return judge.answers(asked, Sampling(max_new_tokens=self.params.max_completion_length))

    def _scores(self, judged: Sequence[Judged]) -> tuple[Score, ...]:
        values = figures(judged)
        return scores_of(
            self._names(), lambda weights: weights @ values / weights.sum(axis=1, keepdims=True), len(values), self.seed
        )

    @property
    def seed(self) -> int:
        """Of the bootstrap."""
        return int(self.params.seed)

    def _example(self, asked: Asked, turns: Sequence[dict[str, Any]], mine: Judged, theirs: Judged) -> Example:
        prompt = turns[-1]["content"] if len(turns) == 1 else render(self.tokenizer, turns)
        return Example(
            row=asked.row,
            inputs={"prompt": shown(prompt)},
            expected=asked.answer,
            predicted=mine.text,
            untouched=theirs.text,
            cut_off=not mine.finished,
            untouched_cut_off=not theirs.finished,
            score=round(mine.reward, 4),
        )


def spread(asked: Sequence[Asked], most: int) -> list[Asked]:
    """At most so many, from all over the split and always the same."""
    if len(asked) <= most:
        return list(asked)
    return [asked[place * len(asked) // most] for place in range(most)]


def figures(judged: Sequence[Judged]) -> Floats:
    """(answers, measures): full reward or not, the reward, came to an end or not, tokens; several rewards each."""
    return np.array(
        [
            (
                one.reward >= FULL,
                one.reward,
                one.finished,
                len(one.tokens),
                *(one.each if len(one.each) > 1 else ()),
            )
            for one in judged
        ],
        dtype=np.float64,
    )


def earned_by(judged: Sequence[Judged]) -> Floats:
    """(answers,) rewards."""
    return np.array([one.reward for one in judged], dtype=np.float64)


def gain_sentence(tuned: Floats, base: Floats, seed: int) -> str:
    """What the paired difference in reward says about the tuned model against the base, (rows,) each."""
    gain = (tuned - base)[:, None]
    drawn = samples(lambda weights: weights @ gain / weights.sum(axis=1, keepdims=True), len(gain), seed)[:, 0]
    value = float(gain.mean())
    low, high = percentile_interval(drawn, value)
    span = f"({low:+.3f} to {high:+.3f}, 95 % interval, paired on the same test rows)"
    if low > 0:
        return f"Training gained {value:.3f} of mean reward over the base model {span}."
    if high < 0:
        return f"Training lost {-value:.3f} of mean reward against the base model {span}."
    return f"Mean reward differs from the base model's by {value:+.3f} {span}: these rows cannot tell the two apart."


def no_difference(best: float, answers: int) -> str:
    """Why nothing is learned yet when all answers to a prompt earn the same, and what to do."""
    if best == 0:
        return (
            f"None of the first {answers:,} answers earned anything, so there is nothing to learn from yet. If this "
            "goes on, show the wanted form in the prompts, add an easier reward (a pattern, a length), raise the "
            "temperature or the answers to each prompt, or choose a larger model."
        )
    if best >= FULL:
        return (
            f"All of the first {answers:,} answers to a prompt earned the same, many of them the full reward, so there "
            "is nothing to learn from yet. Use harder prompts or a stricter reward."
        )
    return (
        f"All of the first {answers:,} answers to a prompt earned the same, so there is nothing to learn from yet. If "
        "this goes on, raise the temperature or the answers to each prompt, or add a reward that tells them apart."
    )


def _general(told: Any, seed: int) -> Score:
    return Score.of("general_perplexity", perplexity(told), interval_of_perplexity(told, seed))


def _rows(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Places in what is asked; answers are written when the model that writes them is known."""
    import torch

    return {name: torch.tensor([item[name] for item in items]) for name in ("row", "labels")}
