"""What a training will cost before it starts: steps, time, memory, and whether it fits this machine.

The arithmetic with its measured constants is in `costs`; here is what a model and a machine are, and what is said.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from autotrain.errors import ModelError
from autotrain.models.catalogue import ModelEntry
from autotrain.models.costs import (
    CARD_FLOPS,
    FLOAT,
    RUNTIME_BYTES,
    Pace,
    Size,
    Workload,
    memory_needed,
    memory_of_whole,
    seconds_needed,
)
from autotrain.models.folder import Shape, read_config, shape_of
from autotrain.settings import Settings
from autotrain.task import Effort

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FitBadge = Literal["fits", "tight", "too big"]

# Other work on the machine, and texts longer than the sample's. A long tail up, because nothing makes it much faster.
_LOW, _HIGH = 0.75, 1.6
# Above this share of the free memory other programs are likely to be pushed out.
_COMFORTABLE = 0.7

_PROBE_SIZE, _PROBE_SECONDS = 640, 0.15
# Short, because what else runs on the machine changes its speed several times over.
_PROBE_TRUSTED_SECONDS = 600
_SAMPLE = 400
_CHARACTERS_PER_TOKEN = 4.0


class Machine(Protocol):
    """What is asked of `training.hardware.Hardware`."""

    @property
    def cpu_name(self) -> str: ...
    @property
    def cpu_count(self) -> int: ...
    @property
    def devices(self) -> tuple[str, ...]: ...
    @property
    def memory_for_training(self) -> int: ...


@dataclass(frozen=True)
class TokenLengths:
    """Lengths of a sample of texts in a model's own tokens, cut at the maximum length."""

    mean: float
    longest: int
    truncated: float
    measured: bool


@dataclass(frozen=True)
class Estimate:
    """A range, not a promise. `sentence` says whether it fits; `basis` says what the estimate rests on."""

    steps: int
    effective_batch_size: int
    seconds: float
    seconds_low: float
    seconds_high: float
    memory_bytes: int
    memory_available: int
    fit: FitBadge
    sentence: str
    basis: str


def estimate(entry: ModelEntry, work: Workload, machine: Machine, flops: float) -> Estimate | None:
    """What this training costs on this machine; None when nothing is known about the model's size.

    `flops` is the machine's speed as `machine_flops` measures it.
    """
    size = _size_of(entry)
    if size is None:
        return None
    on_card = machine.devices[0] != "cpu"
    if on_card or work.quantization != "none":
        work = replace(work, effort=replace(work.effort, laid_out=False))
    count = len(machine.devices)
    effective = work.batch_size * work.accumulation * count
    per_epoch = max(1, math.ceil(work.train_rows / effective))
    steps = max(1, math.ceil(per_epoch * work.epochs))
    if 0 < work.max_steps < steps:
        steps = work.max_steps
        work = replace(work, epochs=steps / per_epoch)
    seconds = seconds_needed(size, work, Pace(CARD_FLOPS if on_card else flops, count, on_card), per_epoch)
    needed, available = memory_needed(size, work), machine.memory_for_training
    fit = _fit(needed, available)
    speed = (
        "a typical card's speed"
        if on_card
        else f"this machine's measured {flops / 1e9:,.0f} billion operations a second"
    )
    return Estimate(
        steps=steps,
        effective_batch_size=effective,
        seconds=seconds,
        seconds_low=seconds * _LOW,
        seconds_high=seconds * _HIGH,
        memory_bytes=needed,
        memory_available=available,
        fit=fit,
        sentence=_sentence(fit, needed, available, size, work, _where(machine)),
        basis=f"Rests on {work.train_rows:,} training rows of about {work.mean_tokens:.0f} tokens"
        f"{_on_written(work.effort)} and {speed}. "
        "Other work on the machine makes it longer; stopping early makes it shorter.",
    )


def memory_estimate(entry: ModelEntry, work: Workload) -> int | None:
    """Bytes that this training takes at its peak; None when nothing is known about the model's size."""
    size = _size_of(entry)
    return None if size is None else memory_needed(size, work)


def token_lengths(folder: Path | None, texts: Sequence[str], max_length: int) -> TokenLengths:
    """How long texts are for a model: measured with its own tokenizer on a sample, else guessed from characters."""
    sample = list(texts[:: max(1, len(texts) // _SAMPLE)])[:_SAMPLE]
    # The longest batch decides the memory, so the longest text is always looked at.
    sample += [max(texts, key=len)] if texts else []
    tokenizer = _tokenizer_in(folder)
    if tokenizer is None:
        lengths = [math.ceil(len(text) / _CHARACTERS_PER_TOKEN) + 2 for text in sample]
    else:
        # More characters than this are cut by the maximum length anyway; no token is that long on average.
        lengths = [len(tokenizer.encode(text[: 20 * max_length]).ids) for text in sample]
    kept = [min(length, max_length) for length in lengths] or [1]
    cut = sum(length > max_length for length in lengths)
    return TokenLengths(sum(kept) / len(kept), max(kept), cut / len(kept), tokenizer is not None)


def machine_flops(settings: Settings, machine: Machine) -> float:
    """Operations a second of a plain matrix multiplication here; measured in 0.2 s and remembered for ten minutes."""
    path = settings.root / "speed.json"
    who = f"{machine.cpu_name}, {machine.cpu_count}"
    try:
        known = json.loads(path.read_text("utf-8"))
        if known["machine"] == who and 0 <= time.time() - known["at"] < _PROBE_TRUSTED_SECONDS and known["flops"] > 0:
            return float(known["flops"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    flops = _probe(machine.cpu_count)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps({"machine": who, "at": time.time(), "flops": flops}), "utf-8")
        aside.replace(path)
    except OSError:  # an estimate is worth having on a full disk too; it is measured again next time
        aside.unlink(missing_ok=True)
    return flops


def _size_of(entry: ModelEntry) -> Size | None:
    parameters = entry.parameters or (entry.size_bytes or 0) // FLOAT
    if not parameters:
        return None
    shape, config = Shape(0, 0, 0, 0, 0, 0), dict[str, Any]()
    if entry.path is not None:
        with contextlib.suppress(ModelError):
            config = read_config(entry.path)
            shape = shape_of(config)
    if not (shape.layers and shape.hidden):
        shape = _typical_shape(parameters)
    # Looking up an embedding costs no multiplication.
    body = max(parameters - shape.vocabulary * shape.hidden, parameters // 10)
    # Of an encoder-decoder a token is read by one half or written by the other.
    passed = body // 2 if config.get("is_encoder_decoder") else body
    groups, heads = config.get("num_key_value_heads"), max(1, shape.heads)
    kept = shape.hidden * groups // heads if isinstance(groups, int) else shape.hidden
    return Size(shape, parameters, body, passed, kept)


def _typical_shape(parameters: int) -> Shape:
    """The usual proportions for a size: a layer for every 64 of width, so that the body is 12/64 of the width cubed."""
    hidden = max(64, round((parameters * 0.8 * 64 / 12) ** (1 / 3)))
    return Shape(max(1, hidden // 64), hidden, 4 * hidden, max(1, hidden // 64), parameters // 5 // hidden, 512)


def _fit(needed: int, available: int) -> FitBadge:
    if needed > available:
        return "too big"
    return "fits" if needed <= _COMFORTABLE * available else "tight"


def _sentence(fit: FitBadge, needed: int, available: int, size: Size, work: Workload, where: str) -> str:
    facts = f"needs about {_gigabytes(needed)}; {where} has {_gigabytes(available)} free"
    if fit == "fits":
        return f"Fits: {facts}."
    if fit == "tight":
        return f"Tight: {facts}. Close other programs, or lower the batch size."
    if work.whole and memory_of_whole(size.parameters) > available:
        return f"Too big: {facts}. Train an adapter instead of the whole model, or choose a smaller one."
    weights = RUNTIME_BYTES + size.parameters * FLOAT
    remedy = "Lower the batch size or the maximum length." if weights < available else "Choose a smaller model."
    return f"Too big: {facts}. {remedy}"


def _on_written(effort: Effort) -> str:
    """What is supposed of texts that are written: how long they get, only the training will tell."""
    if not effort.written_tokens:
        return ""
    how_many = f", {effort.answers} answers to each of them" if effort.answers else ", texts"
    return f"{how_many} written to the full {effort.written_tokens:,} tokens"


def _where(machine: Machine) -> str:
    if machine.devices[0] == "cpu":
        return "this machine"
    return "this GPU" if len(machine.devices) == 1 else "the fullest of its GPUs"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count < 10e9 else f"{count / 1e9:.0f} GB"


def _tokenizer_in(folder: Path | None) -> Tokenizer | None:
    path = folder / "tokenizer.json" if folder else None
    if path is None or not path.is_file():
        return None
    state = path.stat()
    return _load_tokenizer(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)
def _load_tokenizer(path: Path, _modified: int, _size: int) -> Tokenizer | None:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises plain Exception for a file it cannot parse; characters will do
        return None
    # Some models ship with padding to a fixed length switched on, which would hide how long the texts are.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _probe(threads: int) -> float:
    """The best of a few multiplications of the size a small transformer makes."""
    import numpy
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    matrix = numpy.random.default_rng(0).random((_PROBE_SIZE, _PROBE_SIZE), dtype=numpy.float32)
    best = 0.0
    with threadpool_limits(threads, user_api="blas"):
        matrix @ matrix  # the first one starts the threads
        end = time.perf_counter() + _PROBE_SECONDS
        while time.perf_counter() < end:
            before = time.perf_counter()
            matrix @ matrix
            best = max(best, 2 * _PROBE_SIZE**3 / (time.perf_counter() - before))
    return best
