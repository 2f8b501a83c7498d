"""The estimate counts steps exactly, grows with the work, and says in a sentence whether it fits."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.models.catalogue import Catalogue, HubModel, ModelEntry, from_hub
from autotrain.models.costs import Workload
from autotrain.models.estimates import Estimate, estimate, machine_flops, token_lengths
from autotrain.settings import Settings
from autotrain.task import Effort
from autotrain.tasks import TASKS
from autotrain.training.hardware import Hardware, hardware

WORK = Workload(train_rows=1000, validation_rows=100, test_rows=100, mean_tokens=20, longest_tokens=128)
FLOPS = 300e9


@dataclass(frozen=True)
class Machine:
    """A machine of any size."""

    memory_for_training: int = 8_000_000_000
    devices: tuple[str, ...] = ("cpu",)
    cpu_name: str = "a processor"
    cpu_count: int = 2


def on(entry: ModelEntry, work: Workload = WORK, machine: Machine | Hardware | None = None) -> Estimate:
    found = estimate(entry, work, machine or Machine(), FLOPS)
    assert found is not None
    return found


def hub(parameters: int) -> ModelEntry:
    return from_hub(HubModel("owner/model", parameters=parameters))


@pytest.fixture
def minilm(catalogue: Catalogue) -> ModelEntry:
    return catalogue.resolve("all-minilm-l6-v2")


def test_steps_and_effective_batch(minilm: ModelEntry) -> None:
    found = on(minilm, replace(WORK, batch_size=8, accumulation=4, epochs=2.5), Machine(devices=("cuda:0", "cuda:1")))
    assert found.effective_batch_size == 64
    assert found.steps == math.ceil(math.ceil(1000 / 64) * 2.5)
    assert on(minilm, replace(WORK, train_rows=1)).steps == 3


def test_the_fit_is_one_of_three_sentences(minilm: ModelEntry) -> None:
    needed = on(minilm).memory_bytes
    fits, tight = on(minilm, machine=Machine(needed * 2)), on(minilm, machine=Machine(int(needed * 1.1)))
    assert fits.fit == "fits" and "this machine has" in fits.sentence
    assert tight.fit == "tight" and "lower the batch size" in tight.sentence
    too_big = on(hub(3_000_000_000), machine=Machine(8_000_000_000, devices=("cuda:0",)))
    assert too_big.fit == "too big"
    assert "this GPU has 8.0 GB free" in too_big.sentence and "Choose a smaller model." in too_big.sentence
    wide = on(minilm, replace(WORK, batch_size=512, longest_tokens=512), Machine(2_000_000_000))
    assert wide.fit == "too big" and "Lower the batch size" in wide.sentence


def test_it_says_what_it_rests_on(minilm: ModelEntry) -> None:
    found = on(minilm)
    assert "1,000 training rows of about 20 tokens" in found.basis and "300 billion" in found.basis
    assert found.seconds_low < found.seconds < found.seconds_high


def test_a_model_of_unknown_size_has_no_estimate() -> None:
    assert estimate(from_hub(HubModel("owner/model")), WORK, Machine(), FLOPS) is None
    assert estimate(from_hub(HubModel("owner/model", size_bytes=90_000_000)), WORK, Machine(), FLOPS) is not None


@given(
    rows=st.integers(1, 100_000),
    batch=st.integers(1, 256),
    tokens=st.floats(2, 512),
    parameters=st.integers(1_000_000, 10_000_000_000),
)
def test_more_work_never_costs_less(rows: int, batch: int, tokens: float, parameters: int) -> None:
    work = Workload(rows, 10, 10, tokens, math.ceil(tokens), batch_size=batch)
    base = on(hub(parameters), work)
    for more in (
        replace(work, train_rows=rows * 2),
        replace(work, mean_tokens=tokens * 2),
        replace(work, epochs=6),
    ):
        assert on(hub(parameters), more).seconds >= base.seconds
    for larger in (replace(work, batch_size=batch * 2), replace(work, longest_tokens=work.longest_tokens * 2)):
        assert on(hub(parameters), larger).memory_bytes > base.memory_bytes
    assert on(hub(parameters * 2), work).memory_bytes > base.memory_bytes


def test_tokens_are_counted_by_the_models_own_tokenizer(minilm: ModelEntry) -> None:
    from transformers import AutoTokenizer

    texts = [f"Sentence number {number} is unbelievably {'long ' * number}" for number in range(40)]
    expected = [
        len(ids) for ids in AutoTokenizer.from_pretrained(minilm.path)(texts, truncation=True, max_length=30).input_ids
    ]
    found = token_lengths(minilm.path, [*texts, texts[0]], 30)
    assert found.measured and found.longest == max(expected) == 30
    assert found.mean == pytest.approx(sum(expected) / len(expected), rel=0.1)
    assert 0.2 < found.truncated < 0.8


def test_the_longest_text_is_looked_at_wherever_it_stands(minilm: ModelEntry) -> None:
    assert token_lengths(minilm.path, [*["short"] * 5000, "word " * 300], 512).longest > 300


def test_without_a_tokenizer_characters_are_counted(tmp_path: Path) -> None:
    assert token_lengths(None, ["x" * 40], 128).mean == 12
    (tmp_path / "tokenizer.json").write_text("{}")
    assert token_lengths(tmp_path, ["x" * 40], 128).measured is False
    assert token_lengths(None, [], 128).longest == 1


def test_the_machines_speed_is_measured_once(settings: Settings) -> None:
    machine = Machine()
    first = machine_flops(settings, machine)
    assert first > 1e8
    assert machine_flops(settings, machine) == first
    path = settings.root / "speed.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps(known | {"flops": 5e9}))
    assert machine_flops(settings, machine) == 5e9
    assert machine_flops(settings, Machine(cpu_name="another")) != 5e9
    path.write_text("not json")
    assert machine_flops(settings, machine) > 1e8


def test_this_machine_is_a_machine(minilm: ModelEntry) -> None:
    assert on(minilm, machine=hardware()).fit in ("fits", "tight", "too big")


def test_estimating_imports_neither_torch_nor_transformers(settings: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from autotrain.models.catalogue import Catalogue;"
        "from autotrain.models.estimates import *; from autotrain.training.hardware import hardware;"
        "from autotrain.settings import Settings; s = Settings(home=Path(sys.argv[1]));"
        "entry = Catalogue(s).resolve('all-minilm-l6-v2'); machine = hardware();"
        "lengths = token_lengths(entry.path, ['a text'], 128);"
        "assert estimate(entry, Workload(9, 1, 1, lengths.mean, lengths.longest), machine, machine_flops(s, machine));"
        "print({'torch', 'transformers', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(settings.root)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_rows_that_are_laid_out_take_neither_padding_nor_whole_scores_and_only_on_a_processor() -> None:
    entry, card = hub(135_000_000), Machine(devices=("cuda:0",))
    plain = replace(WORK, effort=Effort(told=1.0, rereads=False))
    laid = replace(WORK, effort=Effort(told=1.0, rereads=False, laid_out=True))
    assert on(entry, laid).memory_bytes < on(entry, plain).memory_bytes
    assert on(entry, laid).seconds < on(entry, plain).seconds
    assert on(entry, replace(laid, batch_size=64)).memory_bytes > on(entry, laid).memory_bytes
    for work in (laid, replace(laid, quantization="8bit")):
        without = replace(work, effort=plain.effort)
        machine = card if work is laid else Machine()
        assert on(entry, work, machine) == on(entry, without, machine)


WRITES = Effort(told=1.0, rereads=False, written_rows=16, written_tokens=32)
TRIES = Effort(told=1.0, rereads=False, answers=4, written_tokens=32, written_rows=16, validated_rows=16)


@given(
    effort=st.sampled_from([WRITES, TRIES, replace(WRITES, validated_rows=8, beams=4)]),
    parameters=st.integers(1_000_000, 10_000_000_000),
    factor=st.integers(2, 8),
    cards=st.sampled_from([("cpu",), ("cuda:0",)]),
)
def test_more_to_write_never_costs_less(effort: Effort, parameters: int, factor: int, cards: tuple[str, ...]) -> None:
    entry, machine = hub(parameters), Machine(devices=cards)
    base = on(entry, replace(WORK, effort=effort), machine)
    assert base.seconds > on(entry, replace(WORK, effort=replace(effort, written_tokens=0, answers=0)), machine).seconds
    for name in ("written_tokens", "written_rows", "validated_rows", "answers", "beams"):
        more = replace(effort, **{name: getattr(effort, name) * factor})
        found = on(entry, replace(WORK, effort=more), machine)
        assert found.seconds >= base.seconds and found.memory_bytes >= base.memory_bytes, name
    longer = on(entry, replace(WORK, effort=replace(effort, written_tokens=32 * factor)), machine)
    assert longer.seconds > base.seconds


def test_learning_by_rewards_costs_by_the_answers_and_by_their_length(minilm: ModelEntry) -> None:
    fixed = on(minilm, replace(WORK, train_rows=1, epochs=1)).seconds

    def costs(answers: int, tokens: int) -> float:
        effort = replace(TRIES, answers=answers, written_tokens=tokens, written_rows=0, validated_rows=0)
        return on(minilm, replace(WORK, effort=effort)).seconds - fixed

    grown = [costs(4, 64), costs(8, 64), costs(4, 128), costs(8, 128)]
    assert 1.7 < grown[1] / grown[0] < 2.2 and 1.5 < grown[2] / grown[0] < 2.6
    assert 3 < grown[3] / grown[0] < 5.5, "about the product of both"
    small, large = (on(minilm, replace(WORK, effort=replace(TRIES, answers=count))).memory_bytes for count in (4, 8))
    assert large > 1.5 * small
    pulled = on(minilm, replace(WORK, effort=replace(TRIES, forwards=2)))
    assert pulled.seconds > on(minilm, replace(WORK, effort=TRIES)).seconds
    assert "4 answers to each of them written to the full 32 tokens" in pulled.basis


def test_a_batch_in_parts_takes_longer_and_less_memory(minilm: ModelEntry) -> None:
    whole = Effort(texts=2, rereads=False)
    pieces, parts = (on(minilm, replace(WORK, effort=each)) for each in (whole, replace(whole, at_once=8)))
    assert parts.seconds > pieces.seconds and parts.memory_bytes < pieces.memory_bytes
    larger = on(minilm, replace(WORK, batch_size=4 * WORK.batch_size, effort=replace(whole, at_once=8)))
    assert larger.memory_bytes == parts.memory_bytes
    assert on(minilm, replace(WORK, effort=replace(whole, at_once=64))).seconds == pieces.seconds


def test_every_task_says_what_its_training_does_beside(minilm: ModelEntry) -> None:
    said = {name: task.effort(task.params_class(), {}) for name, task in TASKS.items()}
    writing = {name for name, effort in said.items() if effort.written_tokens}
    assert writing == {"text-to-text", "supervised-fine-tuning", "preference-tuning", "grpo"}
    assert all(TASKS[name].generates for name in writing)
    assert [name for name, effort in said.items() if effort.answers] == ["grpo"]
    assert said["sentence-embeddings"].at_once == 32
    for effort in said.values():
        assert on(minilm, replace(WORK, effort=effort)).seconds > 0
    rated = TASKS["text-to-text"]
    assert rated.effort(rated.params_class(decides="rouge_l"), {}).validated_rows == 64
    assert said["text-to-text"].validated_rows == (64 if rated.params_class().model_dump()["decides"] != "loss" else 0)
