"""The evaluation of a finished run: everything the page, the model card and the API show. Lies in `report.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from autotrain.measures import Unit, measure


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(_Part):
    """One metric. `low` and `high` bound its 95 % interval when one was computed."""

    name: str = Field(description="The field's name for it: accuracy, macro_f1.")
    title: str
    value: float
    low: float | None = None
    high: float | None = None
    higher_is_better: bool = True
    unit: Unit = "share"

    @classmethod
    def of(cls, name: str, value: float, interval: tuple[float, float] | None = None) -> Score:
        """A score of a measure that `autotrain.measures` knows."""
        known, (low, high) = measure(name), interval or (None, None)
        return cls(
            name=name,
            title=known.title,
            value=value,
            low=low,
            high=high,
            higher_is_better=known.higher_is_better,
            unit=known.unit,
        )

    def shown(self) -> str:
        """The value as people read it."""
        return measure(self.name).model_copy(update={"unit": self.unit}).shown(self.value)

    def beats(self, other: Score) -> bool:
        """Whether this value is the better one."""
        return self.value > other.value if self.higher_is_better else self.value < other.value


class Baseline(_Part):
    """Something to compare with: the majority class, or what the base model knows without fine-tuning."""

    name: str
    title: str
    explanation: str = Field(description="One plain sentence: what this baseline does.")
    scores: tuple[Score, ...]
    seconds: float | None = None


class ClassScore(_Part):
    """Precision, recall and F1 of one class, and how many test rows have it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class Confusion(_Part):
    """Counts: `counts[i][j]` test rows of class `labels[i]` were predicted as `labels[j]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Example(_Part):
    """One test row with its prediction. `row` is its number in the original file; the header is row 1.

    `untouched` is what the base model says to it without the adapter; `score` is how good the answer is, from 0 to 1,
    where an answer is not just right or wrong.
    """

    row: int
    inputs: dict[str, str]
    expected: str
    predicted: str
    confidence: float | None = Field(None, ge=0, le=1)
    untouched: str | None = None
    score: float | None = None
    cut_off: bool = Field(False, description="Whether `predicted` reached the longest answer before its own end.")
    untouched_cut_off: bool = False


class CalibrationBin(_Part):
    """Test rows whose confidence lay in one interval: mean confidence against the share that was right."""

    confidence: float
    accuracy: float
    count: int


class Shortened(_Part):
    """The headline score when only the first `size` numbers of each vector are kept: tuned, and by the base model."""

    size: int
    score: Score
    untouched: Score


class Split(_Part):
    """Rows of each split."""

    train: int
    validation: int
    test: int


Ended = Literal["planned", "patience", "asked"]
"""Why a training ended: its steps were done, it got no better for long, or a person stopped and kept it."""


class Training(_Part):
    """How the training went. Seconds are wall time of the train phase, over all attempts."""

    steps: int
    planned_steps: int | None = None
    ended: Ended = "planned"
    epochs: float
    best_step: int | None = None
    still_falling: bool = False
    """Whether the validation loss of the last evaluation was clearly lower than ever before."""
    seconds: float
    samples_per_second: float
    peak_memory_bytes: int | None = None
    trainable_parameters: int
    total_parameters: int
    device: str

    def early_end(self) -> str | None:
        """Why it ended before its last step, as a sentence; None when it did not."""
        if self.planned_steps is not None and self.steps >= self.planned_steps:
            return None  # patience ran out with the last step
        of = f" of {self.planned_steps:,}" if self.planned_steps else ""
        if self.ended == "patience":
            return (
                f"Training ended by itself at step {self.steps:,}{of}: the last evaluations brought neither a better "
                "score nor a lower loss. A larger patience lets it try longer."
            )
        return f"Training was ended by hand at step {self.steps:,}{of}." if self.ended == "asked" else None

    def too_short(self) -> str | None:
        """What to do when training ended while it was getting better, as a sentence; None when it did not."""
        if not self.still_falling or self.early_end() is not None:
            return None
        passes = "1 epoch" if self.epochs == 1 else f"{self.epochs:.3g} epochs"
        return (
            f"The validation loss was still falling when training ended after {passes}. More epochs will probably make "
            "it better."
        )


class Verdict(_Part):
    """What a judge made of one pair of answers: the tuned model's is better (win), worse (loss), or neither.

    `words` are its reasons in both orders; `agreed` is whether both orders said the same.
    """

    row: int
    outcome: Literal["win", "tie", "loss"]
    agreed: bool = True
    words: tuple[str, ...] = ()


class Judgement(_Part):
    """What another model made of the tuned answers beside those of the untouched base, each pair in both orders."""

    judge: str
    host: str
    scores: tuple[Score, ...] = Field(description="Shares of wins, ties and losses with their intervals.")
    verdicts: tuple[Verdict, ...]
    malformed: int = 0
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The outcome in one sentence."""
        wins, ties, losses = self.scores
        low, high = wins.low or 0.0, wins.high or 1.0
        return (
            f"{self.judge} found the tuned answer better in {wins.shown()} of {len(self.verdicts):,} pairs (95 % "
            f"interval {low:.1%} to {high:.1%}), equal in {ties.shown()}, worse in {losses.shown()}."
        )


BETTER, UNCLEAR = "better than", "not clearly different from"


class Report(_Part):
    """What `report.json` holds. `scores` are of the tuned model on the test split; the first is the headline."""

    version: int = 1
    task: str
    scores: tuple[Score, ...]
    baselines: tuple[Baseline, ...] = ()
    per_class: tuple[ClassScore, ...] = ()
    confusion: Confusion | None = None
    calibration: tuple[CalibrationBin, ...] = ()
    mistakes: tuple[Example, ...] = ()
    examples: tuple[Example, ...] = ()
    written: tuple[Example, ...] = Field((), description="Every answer that the evaluation wrote, for a judge.")
    judgement: Judgement | None = None
    shortened: tuple[Shortened, ...] = ()
    split: Split
    training: Training
    notes: tuple[str, ...] = Field((), description="Sentences a reader must know, such as how small the test split is.")

    def headline(self) -> Score:
        """The score a list shows."""
        return self.scores[0]

    def verdict(self) -> str:
        """One sentence that compares the headline score with the strongest baseline.

        "Better" is said only where the tuned model's 95 % interval lies wholly above the baseline's value. Another
        score that clearly tells something else than the headline is told too: with uneven classes a high accuracy may
        hide that rare ones are missed. So is one that fell beside a better headline: an answer may be expected
        more and yet be no nearer to the one that the data has.
        """
        best, *others = self.scores
        found = self._against_baselines(best)
        if found is None:
            return f"{best.title} is {best.shown()}."
        title, rival, word = found
        text = f"{best.title} {best.shown()}: {word} {_named(title)} ({rival.shown()}, {_gain(best, rival)})"
        for score in others:
            other = self._against_baselines(score)
            if other is None or other[2] == word:
                continue
            title, rival, differs = other
            if differs != UNCLEAR or (word == BETTER and rival.beats(score)):
                text += f"; {score.title} {score.shown()}: {differs} {_named(title)} ({rival.shown()})"
        return f"{text}."

    def _against_baselines(self, score: Score) -> tuple[str, Score, str] | None:
        """The strongest baseline's title and score of the same name, and how this score compares."""
        if not measure(score.name).judges:
            return None
        rivals = [(each.title, s) for each in self.baselines for s in each.scores if s.name == score.name]
        if not rivals:
            return None
        title, rival = (max if score.higher_is_better else min)(rivals, key=lambda pair: pair[1].value)
        above = score.low is not None and score.low > rival.value
        below = score.high is not None and score.high < rival.value
        if not above and not below:
            return title, rival, UNCLEAR
        return title, rival, BETTER if above == score.higher_is_better else "worse than"


def _named(title: str) -> str:
    return f"the {title[0].lower()}{title[1:]}"


def _gain(score: Score, rival: Score) -> str:
    """How far apart the two are: points of a hundred for shares; of numbers, which way is better."""
    if score.unit == "share":
        return measure(score.name).model_copy(update={"unit": score.unit}).difference(score.value - rival.value)
    return "higher is better" if score.higher_is_better else "lower is better"
