"""Preferences learned from pairs and from thumbs: real replies, better than the baselines, resumed, refused in time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from autotrain.answers import Sampling, Written
from autotrain.errors import DataError, ModelError
from autotrain.events import Phase
from autotrain.models.loading import load_causal, load_tokenizer
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.language import divergence
from autotrain.training.next_token import answer_sums
from autotrain.training.packing import CausalCollator
from autotrain.training.wishes import Stopped
from tests.training.causal import PARAMS
from tests.training.learned import Ear, Learned, learned
from tests.training.talk import preferences, thumbs

PAIRS = {role: role for role in ("prompt", "chosen", "rejected")}
THUMBS = {"prompt": "prompt", "completion": "completion", "rating": "thumb"}
WRITING = {"written_rows": 2, "written_tokens": 8}


@pytest.fixture(scope="module")
def model(causal: Path) -> Path:
    return causal


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("run")
    return learned(folder, "preference-tuning", preferences(400), PAIRS, model, **PARAMS, **WRITING)


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear()


@pytest.fixture(scope="module")
def done(run: Learned, ear: Ear) -> Result:
    return run.attempt(1, ear)


def test_pairs_are_learned_better_than_base_and_length_know_them(done: Result, ear: Ear) -> None:
    report = done.report
    assert [score.name for score in report.scores] == [
        *("preference_accuracy", "margin", "likelihood_accuracy", "kl", "general_perplexity")
    ]
    assert [baseline.name for baseline in report.baselines] == ["untouched", "untouched_per_token", "length"]
    low = report.headline().low
    for baseline in report.baselines:
        assert low is not None and low > baseline.scores[0].value, (report.headline(), baseline)
    assert report.scores[3].value > 0 and any("gained" in note for note in report.notes)
    assert all(one.predicted != one.expected and (one.confidence or 0) >= 0.5 for one in report.mistakes)
    assert len(report.examples) == 2 and all(one.untouched is not None for one in report.examples)
    curve = ear.curve()
    seen = [values for values in curve.values() if "eval_loss" in values]
    assert seen and all({"eval_preference_accuracy", "eval_margin"} <= set(values) for values in seen)
    assert curve[1]["loss"] == pytest.approx(0.6931, abs=1e-3), "before the first step nothing is preferred"


def test_the_finished_adapter_answers(done: Result, model: Path) -> None:
    writer = TASKS["preference-tuning"].load(done.artifact, model)
    (answer,) = writer.predict([{"prompt": "Do you like music?"}])
    assert isinstance(answer, Written)
    assert Sampling().max_new_tokens >= answer.tokens


def test_thumbs_are_learned_better_than_base_and_length_know_them(model: Path, tmp_path: Path) -> None:
    rows = thumbs(400)
    run = learned(tmp_path, "preference-tuning", rows, THUMBS, model, **{**PARAMS, **WRITING, "num_train_epochs": 3})
    ear = Ear()
    done = run.attempt(1, ear)
    report = done.report
    assert [score.name for score in report.scores] == ["auroc", "margin", "kl", "general_perplexity"]
    low = report.headline().low
    for baseline in report.baselines:
        assert low is not None and low > baseline.scores[0].value, (report.headline(), baseline)
    assert any("eval_auroc" in values for values in ear.curve().values())
    run.judges_again(done, "length")


@pytest.mark.parametrize("loss", ["simpo", "kto"])
def test_an_update_in_parts_has_the_loss_of_one_in_a_piece(run: Learned, loss: str) -> None:
    """Also for KTO, whose reference point is of the whole update."""
    curves = []
    for number, (batch, parts) in enumerate(((8, 1), (2, 4)), 20 if loss == "kto" else 30):
        ear = Ear()
        wanted = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": parts, "max_steps": 3}
        run.attempt(number, ear, **wanted, loss=loss, written_rows=0, precision="fp32")
        curves.append([ear.curve()[1][name] for name in ("loss", "grad_norm")] + [ear.curve()[3]["grad_norm"]])
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)


@pytest.mark.parametrize("loss", ["sigmoid", "kto"])
def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    model: Path, tmp_path: Path, loss: str
) -> None:
    short = {**PARAMS, "written_rows": 0, "max_steps": 14, "loss": loss, "lora_dropout": 0.1}
    run = learned(tmp_path, "preference-tuning", preferences(60), PAIRS, model, **short)
    whole, resumed = run.stopped_and_resumed(step=5)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_a_stop_is_heard_while_the_base_reads_the_answers(run: Learned) -> None:
    class Hasty(Ear):
        def emit(self, event: Any) -> None:
            super().emit(event)
            if event.kind == "log" and "base model reads" in event.text:
                self.wishes.stop = True

    ear = Hasty()
    with pytest.raises(Stopped):
        run.attempt(40, ear)
    assert not any(isinstance(event, Phase) and event.name == "train" for event in ear.told)


def test_a_wrong_base_and_one_sided_thumbs_are_refused_before_training(model: Path, tmp_path: Path) -> None:
    one_sided = [{"prompt": f"what is {n}", "completion": f"it is {n}", "thumb": "up"} for n in range(30)]
    with pytest.raises(DataError, match="All .* training rows have a thumb up"):
        learned(tmp_path / "up", "preference-tuning", one_sided, THUMBS, model, **PARAMS).attempt()
    encoder = tmp_path / "bert"
    encoder.mkdir()
    for path in model.iterdir():
        (encoder / path.name).write_bytes(path.read_bytes())
    config = json.loads((encoder / "config.json").read_text("utf-8"))
    (encoder / "config.json").write_text(
        json.dumps(config | {"model_type": "bert", "architectures": ["BertModel"]}), "utf-8"
    )
    with pytest.raises(ModelError, match="Choose a language model"):
        learned(tmp_path / "run", "preference-tuning", preferences(30), PAIRS, encoder, **PARAMS).attempt()


def test_an_answers_log_probability_is_that_of_its_tokens_whatever_the_padding(model: Path) -> None:
    tokenizer = load_tokenizer(model)
    talker = load_causal(model, tokenizer).eval()
    ids = torch.randint(5, 300, (1, 9), generator=torch.Generator().manual_seed(2))
    targets = torch.full_like(ids, -100)
    targets[0, 4:] = ids[0, 4:]
    with torch.no_grad():
        golden = talker(input_ids=ids).logits.log_softmax(-1)[0, torch.arange(3, 8), ids[0, 4:]].sum()
        padded = [torch.nn.functional.pad(each, (0, 5), value=fill) for each, fill in ((ids, 3), (targets, -100))]
        mask = torch.tensor([[1] * 9 + [0] * 5])
        sums, tokens = answer_sums(talker, padded[0], mask, padded[1])
    assert float(sums) == pytest.approx(float(golden), rel=1e-5) and int(tokens) == 5


def test_the_distance_to_the_base_is_none_at_first_and_else_that_of_torch(model: Path, done: Result) -> None:
    tokenizer = load_tokenizer(model)
    ids = [1, *range(40, 60), 2]
    item = {"input_ids": ids, "labels": [-100] * 8 + ids[8:]}
    base = load_causal(model, tokenizer).eval()
    with torch.no_grad():
        untouched = base(input_ids=torch.tensor([ids])).logits[0, 7:-1].log_softmax(-1)
    tuned = PeftModel.from_pretrained(base, done.artifact).eval()
    with torch.no_grad():
        own = tuned(input_ids=torch.tensor([ids])).logits[0, 7:-1].log_softmax(-1)
    golden = torch.nn.functional.kl_div(untouched, own, reduction="sum", log_target=True)
    found = divergence(tuned, [item], CausalCollator(tokenizer.pad_token_id))
    assert found[0] == pytest.approx([float(golden), 14], rel=1e-4)
    fresh = get_peft_model(
        load_causal(model, tokenizer), LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear")
    )
    assert divergence(fresh, [item], CausalCollator(tokenizer.pad_token_id)).tolist() == [[0.0, 14.0]]


def test_the_base_reads_only_the_answers_that_the_training_comes_to(model: Path, tmp_path: Path) -> None:
    """A loss of an answer that it has not read would not be a number, and end the training."""
    short = {**PARAMS, "written_rows": 0, "max_steps": 3}
    run = learned(tmp_path, "preference-tuning", preferences(60), PAIRS, model, **short)
    ear = Ear()
    run.attempt(1, ear)
    reads = [event.text for event in ear.told if event.kind == "log" and "base model reads" in event.text]
    assert reads[0] in {f"The base model reads the {2 * pairs} answers of the training rows." for pairs in (24, 25)}
    assert reads[1] == "The base model reads the 12 answers of the validation rows."


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    run.judges_again(done, "length")
