"""Training, evaluating and loading a reward model: it reads a conversation with an answer and says how good that is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import PLAINLY, Asking, Ranked
from autotrain.encoding.chat import Encoded, encode_feedback
from autotrain.encoding.lessons import Passed
from autotrain.encoding.template import Message
from autotrain.errors import DataError
from autotrain.evaluation.examples import shown
from autotrain.evaluation.preference import (
    few_sentence,
    gain_sentence,
    length_baseline,
    length_direction,
    means,
    right,
)
from autotrain.events import Phase
from autotrain.models.loading import load_classifier as load_base
from autotrain.report import Baseline, Example, Report, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.fit import Objective, Rows
from autotrain.training.head import head_rows, preferring, start_head, untouched_features
from autotrain.training.language import EVALUATION_TOKENS, causal_item
from autotrain.training.learner import Learner
from autotrain.training.packing import PAD_MULTIPLE
from autotrain.training.pairs import (
    Item,
    PairCollator,
    averaged,
    padded,
    pair_item,
    pair_metrics,
    rows_of,
    sequences_of,
    tokens_of,
)
from autotrain.training.preference import lengths_of, said
from autotrain.training.rows import SplitRows
from autotrain.training.wishes import stop_if_wished
from autotrain.training.writing import conversation

Floats = NDArray[np.float64]
OUTPUT = ("reward",)
"""What the head's only output is called."""
SHOWN_MISTAKES, SHOWN_EXAMPLES = 20, 8
PROBE_PAIRS = 1000
"""Most training pairs that the linear probe learns from; not more than the test has, as reading them costs as much."""


class RewardLearner(Learner):
    """A number for each answer, so that the better one of a pair has the larger (Bradley and Terry, 1952)."""

    kind = "SEQ_CLS"
    tunes_whole = False
    params: Any
    learned: list[Item] | None = None
    """The training pairs, once they were encoded."""

    def load(self) -> Any:
        """The base with a head of one output."""
        return load_base(self.attempt.model, OUTPUT, self.tokenizer)

    def encode(self, rows: SplitRows) -> Rows:
        """The two conversations of each row."""
        items = [item for _, item in self._numbered(rows)]
        if rows is self.train:
            self.learned = items
        return rows_of(items)

    def _numbered(self, rows: SplitRows) -> list[tuple[int, Item]]:
        return [
            (number, pair_item(*[causal_item(each) for each in made if isinstance(each, Encoded)]))
            for number, made in self.taught(rows)
        ]

    def begin(self, train: Rows) -> None:
        """Start the new head with what the base knows: a direction in which better answers lie."""
        self.attempt.sink.emit(Phase(name="train", fraction=0.0))
        device = self.attempt.device.name
        self.model.to(device)
        some = self._some(train.items, self._head_pairs(train.items))
        start_head(self.model, self._sides(some), self._batches, preferring)

    def _head_pairs(self, items: Sequence[Item]) -> int:
        tokens = sum(map(tokens_of, items)) / (2 * len(items))
        return max(1, head_rows(self.model, tokens, self.attempt.device.name) // 2)

    def _some(self, items: Sequence[Item], most: int) -> list[Item]:
        places = np.sort(np.random.default_rng(self.params.seed).permutation(len(items))[:most])
        return [items[int(place)] for place in places]

    @staticmethod
    def _sides(items: Sequence[Item]) -> list[Item]:
        """All better answers, and then all worse ones."""
        every = sequences_of(items)
        return [*every[::2], *every[1::2]]

    def _batches(self, sequences: Sequence[Item]) -> Iterator[tuple[list[int], dict[str, Any]]]:
        for part in in_batches(sequences, self.tokenizer.pad_token_id, self.attempt.device.name):
            stop_if_wished(self.attempt.wishes)
            yield part

    def objective(self) -> Objective:
        """The log-likelihood of the preferences; its value on the validation pairs decides."""
        multiple = 1 if self.attempt.device.kind == "cpu" else PAD_MULTIPLE
        collator = PairCollator(self.tokenizer.pad_token_id, stacked=True, multiple=multiple)
        step = reward_step(self.params.margin, self.params.centering)
        return Objective(collator, None, pair_metrics, "eval_loss", step=step)

    def report(self, training: Training) -> Report:
        """Pairwise accuracy beside a linear probe of the base and the answers' length; the pairs it gets most wrong."""
        seed, numbered = self.params.seed, self._numbered(self.test)
        items, progressed = [item for _, item in numbered], self.evaluating()
        rewards = np.array(rewards_of(self.model, self._sides(items), self._batches).reshape(2, -1).T, dtype=np.float64)
        progressed(0.4)
        hits, margins = right(*rewards.T), rewards[:, 0] - rewards[:, 1]
        baselines, gained = self._baselines(numbered, hits) if len(self.train) else ((), [])
        progressed(0.9)
        examples = [self._example(number, pair) for (number, _), pair in zip(numbered, rewards, strict=True)]
        worst = np.argsort(margins, kind="stable")
        spread = np.linspace(0, len(worst) - 1, min(SHOWN_EXAMPLES, len(worst))).round().astype(int)
        return self.measured(
            training,
            scores=means(("preference_accuracy", "margin"), np.stack([hits, margins], axis=1), seed),
            baselines=baselines,
            mistakes=tuple(examples[int(place)] for place in worst[:SHOWN_MISTAKES] if margins[place] < 0),
            examples=tuple(examples[int(worst[place])] for place in dict.fromkeys(spread.tolist())),
            notes=(*gained, *few_sentence(len(hits), "pairs")),
        )

    def _baselines(self, numbered: Sequence[tuple[int, Item]], hits: Floats) -> tuple[tuple[Baseline, ...], list[str]]:
        """What the training rows teach a linear probe and the answers' length, and what was gained over the probe."""
        seed, rows = self.params.seed, dict(self.test.numbered())
        probed = self._probed([item for _, item in numbered])
        direction = length_direction(*lengths_of(self.train.rows).T)
        lengths = right(*(direction * lengths_of([rows[number] for number, _ in numbered])).T)
        baselines = (
            probe_baseline(means(("preference_accuracy",), probed[:, None], seed)),
            length_baseline(means(("preference_accuracy",), lengths[:, None], seed), direction),
        )
        return baselines, [gain_sentence(hits, probed, "the linear probe", seed)]

    def _probed(self, test: Sequence[Item]) -> Floats:
        """(pairs,) whether a linear model of the base's own vectors takes the better answer."""
        if self.learned is None:  # no training came before
            kept, self.passed = self.passed, Passed()
            self.encode(self.train)
            self.passed = kept
        train = self.learned or []
        some = self._some(train, min(PROBE_PAIRS, max(len(test), self._head_pairs(train))))
        learned, asked = (untouched_features(self.model, self._sides(items), self._batches) for items in (some, test))
        weight, _ = preferring(learned)
        return right(*(asked.astype(np.float64) @ weight[0]).reshape(2, -1))

    def _example(self, number: int, rewards: Floats) -> Example:
        row = dict(self.test.numbered())[number]
        better, worse = shown(said(row["chosen"])), shown(said(row["rejected"]))
        margin = float(np.clip(rewards[0] - rewards[1], -50, 50))
        return Example(
            row=number,
            inputs={"prompt": asked_as(row["prompt"]), "answers": listed_as(sorted((better, worse)))},
            expected=better,
            predicted=better if margin >= 0 else worse,
            confidence=1 / (1 + float(np.exp(-abs(margin)))),
        )


def reward_step(margin: float, centering: float) -> Callable[[Any, dict[str, Any], Any], tuple[Any, dict[str, Any]]]:
    """Learning from pairs; the step's `logits` are (pairs, 2): the rewards of the better and the worse answer.

    -log σ(better - worse - margin), as TRL's RewardTrainer has it, and `centering` times the square of the sum, which
    keeps rewards of all prompts around zero (Eisenstein et al., 2023, arXiv:2312.09244).
    """

    def step(model: Any, batch: dict[str, Any], items: Any = None) -> tuple[Any, dict[str, Any]]:
        import torch

        output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
        better, worse = output[:, 0].chunk(2)
        losses = -torch.nn.functional.logsigmoid(better - worse - margin) + centering * (better + worse) ** 2
        return averaged(losses, batch["labels"], items), {"logits": torch.stack([better, worse], dim=1).detach()}

    return step


def in_batches(sequences: Sequence[Item], pad: int, device: Any) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """(places in `sequences`, batch for a model) pairs, longest first."""
    order = sorted(range(len(sequences)), key=lambda place: -len(sequences[place]["input_ids"]))
    while order:
        size = max(1, 2 * EVALUATION_TOKENS // len(sequences[order[0]]["input_ids"]))
        part, order = order[:size], order[size:]
        batch = padded([(sequences[place]["input_ids"], []) for place in part], pad)
        yield part, {name: batch[name].to(device) for name in ("input_ids", "attention_mask")}


def rewards_of(
    model: Any, sequences: Sequence[Item], batches: Callable[[Sequence[Item]], Iterator[tuple[list[int], Any]]]
) -> Floats:
    """(sequences,) their rewards."""
    import torch

    made = np.zeros(len(sequences), dtype=np.float64)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for part, batch in batches(sequences):
            made[part] = model(**batch).logits[:, 0].double().cpu().numpy()
    model.train(was_training)
    return made


def probe_baseline(scores: Any) -> Baseline:
    """What the base already tells apart."""
    return Baseline(
        name="linear-probe",
        title="Linear probe",
        explanation="The base model is left as it is: a linear model on its last vector of each conversation says "
        "which is better.",
        scores=scores,
    )


class RewardModel:
    """A finished adapter, loaded. Answers with the answers in the order of their rewards."""

    def __init__(self, model: Any, tokenizer: Any, max_length: int) -> None:
        self._model, self._tokenizer, self._max_length = model, tokenizer, max_length

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Ranked]:
        """The answers of each input to its `prompt`, the best first, with their rewards.

        `answers` is one on each line, or a JSON list; without any, the prompt is a conversation whose last answer is
        judged. Rewards have no unit: of two answers to one prompt the larger is better, by a chance of σ(difference).

        Raises:
            DataError: a conversation that is none, or that the model's template refuses.
        """
        asked = [judged(item) for item in inputs]
        sequences = [{"input_ids": self._ids(turns, answer)} for turns, answers in asked for answer in answers]
        device = next(self._model.parameters()).device
        pad = self._tokenizer.pad_token_id
        rest = iter(rewards_of(self._model, sequences, lambda every: in_batches(every, pad, device)).tolist())
        return [_ranked([(answer, next(rest)) for answer in answers]) for _, answers in asked]

    def _ids(self, turns: Sequence[Message], answer: str) -> list[int]:
        """A conversation's tokens; of one that is too long the end, where the answer is."""
        reply: Message = {"role": "assistant", "content": answer}
        return list(encode_feedback(self._tokenizer, turns, [reply], 10**9).input_ids[-self._max_length :])


def judged(item: Mapping[str, str]) -> tuple[list[Message], list[str]]:
    """The turns before the answers, and the answers."""
    prompt, cell = item.get("prompt", ""), item.get("answers", "")
    if not cell.strip():
        turns = _finished(prompt)
        if turns is not None:
            return turns[:-1], [str(turns[-1]["content"])]
    return conversation(prompt), _listed(cell)


def asked_as(turns: Sequence[Message]) -> str:
    """Turns as `predict` takes them: a question as it is, a longer conversation as JSON."""
    if len(turns) == 1 and turns[0]["role"] == "user":
        return shown(str(turns[0]["content"]))
    return json.dumps(turns, ensure_ascii=False)


def listed_as(answers: Sequence[str]) -> str:
    """Answers as `predict` takes them: one on each line, or JSON where one of them has several."""
    if any(len(answer.splitlines()) > 1 for answer in answers):
        return json.dumps(answers, ensure_ascii=False)
    return "\n".join(answers)


def _finished(cell: str) -> list[Message] | None:
    """The turns of a conversation that ends with an answer; None where it is another text."""
    from autotrain.data.shapes.turns import fault_of, read_messages

    turns = read_messages(cell) if cell.lstrip().startswith("[") else None
    if not turns or turns[-1]["role"] != "assistant":
        return None
    fault = fault_of(turns)
    if fault is not None:
        raise DataError(
            f"The conversation cannot be judged ({fault.replace('-', ' ')}). Let user and assistant take turns.",
            code=fault,
        )
    return list(turns)


def _listed(cell: str) -> list[str]:
    """The answers of a cell: a JSON list of texts, or one on each line; an empty one where there is none."""
    try:
        found = json.loads(cell)
    except ValueError:
        found = None
    if isinstance(found, list) and found and all(isinstance(each, str) for each in found):
        return found
    return [line.strip() for line in cell.splitlines() if line.strip()] or [""]


def _ranked(scored: list[tuple[str, float]]) -> Ranked:
    texts, scores = zip(*sorted(scored, key=lambda pair: -pair[1]), strict=True)
    return Ranked(texts=texts, scores=scores)


def load_reward_model(artifact: Path, model: Path) -> RewardModel:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    loaded, tokenizer, note = load_adapter(artifact, model, lambda tokenizer, _: load_base(model, OUTPUT, tokenizer))
    return RewardModel(loaded, tokenizer, note["max_length"])
