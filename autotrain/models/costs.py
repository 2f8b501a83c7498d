"""The arithmetic behind the estimate: what the steps, the readings and the writings of a training take.

Every constant was measured; `tests/benchmarks/estimates.py` and `tests/benchmarks/writing.py` print it against runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from autotrain.models.folder import Shape
from autotrain.task import Effort

# Shares of a plain matrix multiplication's speed that a LoRA step and a forward pass reach, measured with MiniLM and
# SmolLM2-135M at 16 to 256 tokens on one and two cores: 0.33 to 0.52 and 0.53 to 0.70.
_TRAINING_EFFICIENCY = 0.43
# The same where rows are laid out without padding, measured by `tests/benchmarks/supervised_fine_tuning.py`: 0.63 of
# a whole step, with optimiser and log.
_LAID_OUT_EFFICIENCY = 0.6
_FORWARD_EFFICIENCY = 0.6
# The same for one more text among those that are written at once: 0.36 to 0.47 with SmolLM2-135M on one core.
_WRITING_EFFICIENCY = 0.42
# What a layer costs in a step however small the batch is: interpreter, dispatch, optimiser. Measured at one row.
_SECONDS_PER_LAYER_STEP = 0.0035
_SECONDS_PER_LAYER_FORWARD = 0.0012
_SECONDS_PER_LAYER_TOKEN = 0.0006
# For each token that is written all weights are read once, whatever is written at once. One core, and a modest card.
_BYTES_PER_SECOND, _CARD_BYTES_PER_SECOND = 8e9, 300e9
# A graphics card is not probed, because that would take torch: a modest card's share of its promise, in operations/s.
CARD_FLOPS = 10e12
# Starting the trainer, loading the model, saving, and the intervals of the evaluation.
_FIXED_SECONDS = 15.0
# Rows of similar length share a batch, so little is padded.
_PADDING = 1.1
# Texts that an evaluation writes at once, and tokens, prompts included, that an update of GRPO writes at once.
_WRITTEN_AT_ONCE, _TOKENS_AT_ONCE = 8, 16_384
# Tokens over whose whole vocabulary an evaluation decides at once.
_TOLD_AT_ONCE = 2048

# Python, torch, transformers, datasets and scikit-learn in the trainer, before the model is loaded.
RUNTIME_BYTES = 650_000_000
FLOAT = 4
# Numbers kept for the backward pass for each token and layer, fitted to the peaks of ten runs (within 10 %).
_KEPT_PER_HIDDEN, _KEPT_PER_INTERMEDIATE, _KEPT_PER_SCORE = 12, 8, 3.1
# Scores of a vocabulary at once: as the head gives them, by temperature, in another order, their logarithms, and two
# gradients; without learning three of these. With two copies fewer, SmolLM2-135M needed 1.2 times what was said.
_COPIES_OF_SCORES, _COPIES_OF_SCORES_UNLEARNED = 6, 3
# Where rows are laid out: what is given to and by two norms, queries, keys and values, and what attention gives; of the
# gated layer both halves, the activated one, and their product. No scores of the attention.
_LAID_OUT_PER_HIDDEN, _LAID_OUT_PER_INTERMEDIATE = 8, 4
# Scores of a vocabulary that are held at once there, with one copy: `speed.head.AT_ONCE`.
_SCORES_AT_ONCE = 2 * 6_000_000
# Weight, gradient and the two moments of AdamW.
_COPIES_OF_TRAINED = 4
# Of a model that is trained as a whole the best weights so far are kept beside.
_COPIES_OF_WHOLE = 5
# In a checkpoint: weights, the best so far, two moments. Two checkpoints are kept while a third is written.
_COPIES_ON_DISK, _CHECKPOINTS = 4, 3
# Multiplications of a backward pass for one of a forward pass: the gradients of frozen weights are never computed.
_BACKWARD, _WHOLE_BACKWARD = 1, 2
# Bytes a weight takes with its share of the scales.
_QUANTISED = {"none": 4.0, "8bit": 1.03, "4bit": 0.53}


@dataclass(frozen=True)
class Workload:
    """What is trained: rows after the split, lengths in tokens, and the settings that decide the cost.

    The lengths are of what goes through the model at once: a row, or each of its texts where `effort` has several.
    """

    train_rows: int
    validation_rows: int
    test_rows: int
    mean_tokens: float
    longest_tokens: int
    epochs: float = 3.0
    batch_size: int = 32
    accumulation: int = 1
    lora_rank: int = 8
    max_steps: int = 0
    whole: bool = False
    quantization: Literal["none", "8bit", "4bit"] = "none"
    evaluations: int = 1
    effort: Effort = Effort()


@dataclass(frozen=True)
class Size:
    """A model: its shape, all its parameters, those but for the embeddings, those of them that a token goes through,
    and the numbers of a token that are kept in each layer for the next one."""

    shape: Shape
    parameters: int
    body: int
    passed: int
    kept: int

    @property
    def head(self) -> int:
        """Parameters between the last layer and the vocabulary."""
        return self.shape.vocabulary * self.shape.hidden


@dataclass(frozen=True)
class Pace:
    """How fast a machine is: operations a second of a matrix multiplication, bytes of weights read, and devices."""

    flops: float
    devices: int = 1
    on_card: bool = False

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return _CARD_BYTES_PER_SECOND if self.on_card else _BYTES_PER_SECOND


def memory_needed(size: Size, work: Workload) -> int:
    """Peak memory of the trainer in bytes: in the step with the longest batch, or while it evaluates or writes."""
    shape = size.shape
    # Each adapted layer has four projections of the hidden size and two of the intermediate one.
    adapter = work.lora_rank * shape.layers * (10 * shape.hidden + 2 * shape.intermediate)
    moment = max(_in_a_step(size, work), _in_an_evaluation(size, work), _while_writing(size, work))
    if work.whole:
        return int(memory_of_whole(size.parameters) + moment)
    weights = size.body * _QUANTISED[work.quantization] + (size.parameters - size.body) * FLOAT
    return int(RUNTIME_BYTES + weights + _COPIES_OF_TRAINED * adapter * FLOAT + moment)


def memory_of_whole(parameters: int) -> int:
    """Bytes that training every weight takes before the first row is looked at."""
    return RUNTIME_BYTES + _COPIES_OF_WHOLE * parameters * FLOAT


def room_on_disk(parameters: int) -> int:
    """Bytes on the disk that training every weight takes at its worst moment, with the finished model."""
    return (_CHECKPOINTS * _COPIES_ON_DISK + 1) * parameters * FLOAT


def seconds_needed(size: Size, work: Workload, pace: Pace, per_epoch: int) -> float:
    """Training with its evaluations, the last one on the test rows, and what the untouched base does beside it."""
    learning = _learning(size, work, pace, per_epoch)
    return _FIXED_SECONDS + learning + _reading(size, work, pace) + _writing(size, work, pace)


def _in_a_step(size: Size, work: Workload) -> float:
    """Bytes that are kept for the backward pass."""
    shape, effort = size.shape, work.effort
    if effort.laid_out:
        # The batch with the longest row; what rows begin alike is the template's, which the lengths do not have either.
        tokens = work.longest_tokens + (work.batch_size - 1) * work.mean_tokens * _PADDING
        each = _LAID_OUT_PER_HIDDEN * shape.hidden + _LAID_OUT_PER_INTERMEDIATE * shape.intermediate
        return (tokens * each * shape.layers + min(tokens * shape.vocabulary, _SCORES_AT_ONCE)) * FLOAT
    texts = work.batch_size * effort.texts * max(1, effort.answers)
    texts = min(texts, effort.at_once or texts)
    tokens = _tokens(work, work.longest_tokens)
    kept = shape.layers * (_KEPT_PER_HIDDEN * shape.hidden + _KEPT_PER_INTERMEDIATE * shape.intermediate)
    scores = shape.layers * shape.heads * tokens * _KEPT_PER_SCORE
    told = _told(work, work.longest_tokens) * shape.vocabulary * _COPIES_OF_SCORES
    return texts * (tokens * (kept + scores) + told) * FLOAT


def _in_an_evaluation(size: Size, work: Workload) -> float:
    """Bytes of the scores of a vocabulary."""
    if work.effort.laid_out:
        return _SCORES_AT_ONCE * FLOAT
    tokens = max(_TOLD_AT_ONCE, work.longest_tokens) if work.effort.told else 0
    return tokens * size.shape.vocabulary * _COPIES_OF_SCORES_UNLEARNED * FLOAT


def _while_writing(size: Size, work: Workload) -> float:
    """Bytes of what each token keeps for those behind it, and of the next token's scores."""
    effort = work.effort
    if not effort.written_tokens:
        return 0
    tokens = work.longest_tokens + effort.written_tokens
    texts = max(_WRITTEN_AT_ONCE * effort.beams, _rolled_out(work, tokens) if effort.answers else 0)
    scores = size.shape.vocabulary * _COPIES_OF_SCORES_UNLEARNED
    return texts * (tokens * size.shape.layers * 2 * size.kept + scores) * FLOAT


def _learning(size: Size, work: Workload, pace: Pace, per_epoch: int) -> float:
    effort = work.effort
    read = work.mean_tokens * (1 if effort.laid_out else _PADDING)
    texts, tokens = effort.texts * max(1, effort.answers), _tokens(work, read)
    row = texts * _forward_operations(size, tokens, _told(work, read))
    parts = math.ceil(work.batch_size * texts / effort.at_once) if effort.at_once else 1
    # Where a batch is computed in parts, each is computed once more when its gradient is wanted.
    passes = effort.forwards + (parts > 1) + (_WHOLE_BACKWARD if work.whole else _BACKWARD)
    efficiency = _LAID_OUT_EFFICIENCY if effort.laid_out else _TRAINING_EFFICIENCY
    seconds = work.train_rows * work.epochs * passes * row / (pace.flops * pace.devices * efficiency)
    batches = per_epoch * work.accumulation * work.epochs
    return seconds + batches * parts * size.shape.layers * _SECONDS_PER_LAYER_STEP


def _reading(size: Size, work: Workload, pace: Pace) -> float:
    """Forward passes: an evaluation so often, the test rows by the tuned model and by the base, and a probe."""
    effort = work.effort
    if effort.answers:  # nothing is judged but what is written
        return 0
    row = effort.texts * _forward_operations(size, work.mean_tokens * _PADDING, effort.told * work.mean_tokens)
    rows = work.validation_rows * math.ceil(work.epochs * work.evaluations) + 2 * work.test_rows
    rows += work.train_rows if effort.rereads else 0
    dispatch = math.ceil(rows / work.batch_size) * size.shape.layers * _SECONDS_PER_LAYER_FORWARD
    return rows * row / (pace.flops * _FORWARD_EFFICIENCY) + dispatch


def _writing(size: Size, work: Workload, pace: Pace) -> float:
    """Texts that are written: in each evaluation, in the end by the tuned model and by the base, and to learn from."""
    effort = work.effort
    if not effort.written_tokens:
        return 0
    at_once = _rolled_out(work, work.mean_tokens + effort.written_tokens) if effort.answers else _WRITTEN_AT_ONCE
    tested, validated = min(effort.written_rows, work.test_rows), min(effort.validated_rows, work.validation_rows)
    seconds = 2 * _written(size, work, pace, tested, at_once)
    seconds += math.ceil(work.epochs * work.evaluations) * _written(size, work, pace, validated, at_once)
    if effort.answers:
        an_update = work.batch_size * work.accumulation * effort.answers
        updates = work.train_rows * effort.answers * work.epochs / pace.devices / an_update
        seconds += updates * _written(size, work, pace, an_update, at_once)
    return seconds


def _written(size: Size, work: Workload, pace: Pace, texts: int, at_once: int) -> float:
    """So many texts, each as long as it may be: some at once, one token of each after another."""
    effort = work.effort
    asked = texts * _forward_operations(size, work.mean_tokens, 1) / (pace.flops * _FORWARD_EFFICIENCY)
    token = 2 * (size.passed + size.head) * effort.beams / (pace.flops * _WRITING_EFFICIENCY)
    each = size.parameters * FLOAT / pace.bandwidth + size.shape.layers * _SECONDS_PER_LAYER_TOKEN
    return asked + effort.written_tokens * (texts * token + math.ceil(texts / max(1, at_once)) * each)


def _rolled_out(work: Workload, tokens: float) -> int:
    """Answers of an update that are written at once."""
    return max(1, min(int(_TOKENS_AT_ONCE / tokens), work.batch_size * work.accumulation * work.effort.answers))


def _tokens(work: Workload, read: float) -> float:
    """Of a text that is learned from: what is read, and what was written to it."""
    return read + (work.effort.written_tokens if work.effort.answers else 0)


def _told(work: Workload, read: float) -> float:
    """Tokens of it over whose whole vocabulary the model decides."""
    return work.effort.written_tokens if work.effort.answers else work.effort.told * read


def _forward_operations(size: Size, tokens: float, told: float) -> float:
    """Operations of one text's forward pass: two for each parameter and token, and the attention scores."""
    scores = 4 * tokens * tokens * size.shape.hidden * size.shape.layers
    return 2 * size.passed * tokens + scores + 2 * size.head * told
