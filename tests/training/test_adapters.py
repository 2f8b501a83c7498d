"""Every kind of adapter, and whole models: they learn, resume where they were, and answer after loading as before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from autotrain.answers import Asking, Sampling, Scores, Written
from autotrain.errors import ModelError
from autotrain.models.loading import load_causal, load_tokenizer
from autotrain.models.lora import add_lora
from autotrain.params import AdapterParams
from autotrain.tasks import TASKS
from autotrain.training.adapter import whole_in
from autotrain.training.chat import ChatLearner
from autotrain.training.classification import ClassificationLearner, class_probabilities
from autotrain.training.writing import Writer
from tests.training import causal as writers
from tests.training.learned import Learned, learned
from tests.training.talk import exchanges, said
from tests.training.toy import PARAMS, save_encoder, sentences

SHORT = {**PARAMS, "max_steps": 14, "learning_rate": 1e-3}
KINDS: dict[str, dict[str, Any]] = {
    "rslora": {"use_rslora": True, "learning_rate": 3e-3},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "pissa, all at once": {"init_lora_weights": "pissa", "pissa_niter": 4, "use_rslora": True, "use_dora": True},
    "lora+": {"loraplus_lr_ratio": 8},
    "full": {"training_method": "full"},
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return sentences(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def encoder(texts: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder([text for text, _ in texts], tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def classifying(texts: list[tuple[str, str]], encoder: Path, tmp_path: Path) -> Learned:
    rows = [{"text": text, "label": label} for text, label in texts]
    return learned(tmp_path, "text-classification", rows, {"text": "text", "label": "label"}, encoder, **SHORT)


@pytest.fixture(scope="module")
def writing(causal: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    rows = [{"prompt": asked, "completion": reply} for asked, reply in exchanges()]
    columns, params = {"prompt": "prompt", "completion": "completion"}, {**writers.PARAMS, "written_rows": 0}
    return learned(tmp_path_factory.mktemp("writing"), "supervised-fine-tuning", rows, columns, causal, **params)


@pytest.mark.parametrize("kind", ["dora", "pissa, all at once", "lora+", "full"])
def test_a_stop_and_a_resume_change_nothing(classifying: Learned, kind: str) -> None:
    run = replace(classifying, params={**classifying.params, **KINDS[kind], "lora_dropout": 0.1})
    whole, resumed = run.stopped_and_resumed(step=5)
    assert resumed == whole
    weights = [next((run.folder / f"attempt-{number}" / "adapter").glob("*model.safetensors")) for number in (11, 13)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "lora+"])
def test_what_is_loaded_on_the_untouched_base_answers_as_the_training_left_it(
    classifying: Learned, encoder: Path, texts: list[tuple[str, str]], kind: str
) -> None:
    before = (encoder / "model.safetensors").read_bytes()
    attempt = classifying.given(1, **{**KINDS[kind], "max_steps": 60})
    assert isinstance(attempt.params, AdapterParams)
    learner = ClassificationLearner(attempt, attempt.params, task=classifying.task, shape="classification")
    losses = [values["loss"] for values in _curve(learner) if "loss" in values]
    assert np.mean(losses[-10:]) < np.mean(losses[:5]), losses
    asked = [text for text, _ in texts[::12]]
    trained = class_probabilities(learner.model, learner.tokenizer, asked, learner.max_length)
    predictor = TASKS[classifying.task].load(attempt.artifact, encoder)
    answers = predictor.predict([{"text": text} for text in asked])
    loaded = [list(one.scores.values()) for one in answers if isinstance(one, Scores)]
    np.testing.assert_allclose(loaded, trained, atol=2e-5)
    assert trained.std(axis=0).min() > 1e-3, "the answers differ from text to text, or nothing was compared"
    assert (encoder / "model.safetensors").read_bytes() == before


def _curve(learner: Any) -> list[dict[str, float]]:
    learner.run()
    return list(learner.attempt.sink.curve().values())


def test_pissa_is_saved_as_a_plain_adapter_of_twice_the_rank(classifying: Learned) -> None:
    artifact = classifying.attempt(init_lora_weights="pissa", max_steps=4).artifact
    config = json.loads((artifact / "adapter_config.json").read_text("utf-8"))
    assert (config["r"], config["lora_alpha"], config["init_lora_weights"]) == (8, 16, True)
    shapes = {name: part.shape for name, part in load_file(artifact / "adapter_model.safetensors").items()}
    assert {shape[0] for name, shape in shapes.items() if "lora_A" in name} == {8}


def test_a_rank_beyond_a_weights_own_leaves_the_rest_empty(causal: Path) -> None:
    from autotrain.models.pissa import settle

    model = load_causal(causal, load_tokenizer(causal)).eval()
    ids = torch.arange(20).view(1, -1)
    plain = model(input_ids=ids).logits
    tuned = add_lora(model, AdapterParams(lora_r=64, init_lora_weights="pissa"), kind="CAUSAL_LM").eval()
    torch.testing.assert_close(tuned(input_ids=ids).logits, plain, atol=1e-4, rtol=1e-4)
    settle(tuned)
    torch.testing.assert_close(tuned(input_ids=ids).logits, plain, atol=1e-4, rtol=1e-4)
    assert {part.shape[0] for name, part in tuned.named_parameters() if "lora_A" in name} == {128}
    with tuned.disable_adapter():
        torch.testing.assert_close(tuned(input_ids=ids).logits, plain, atol=1e-4, rtol=1e-4)


def test_lora_plus_moves_the_second_half_faster(classifying: Learned) -> None:
    """The first step of AdamW moves every weight by its rate: B starts at zero, so that its size says the rate."""
    params = {"max_steps": 1, "loraplus_lr_ratio": 16.0, "warmup_ratio": 0.0, "weight_decay": 0.0}
    artifact = classifying.attempt(**params).artifact
    weights = load_file(artifact / "adapter_model.safetensors")
    moved = max(float(part.abs().max()) for name, part in weights.items() if "lora_B" in name)
    assert moved == pytest.approx(16 * classifying.params["learning_rate"], rel=0.01)


def test_a_whole_model_is_complete_in_itself_and_is_compared_with_its_base(writing: Learned, causal: Path) -> None:
    attempt = writing.given(1, training_method="full", learning_rate=3e-3, max_steps=60, written_rows=6)
    assert isinstance(attempt.params, AdapterParams)
    learner = ChatLearner(attempt, attempt.params, task=writing.task, shape="prompt-completion")
    report = learner.run().report
    assert report.headline().beats(report.baselines[0].scores[0]), "better than the untouched base"
    assert report.training.trainable_parameters == report.training.total_parameters
    artifact = attempt.artifact
    assert whole_in(artifact) and not (artifact / "adapter_config.json").exists()
    asked = [{"prompt": example.inputs["prompt"]} for example in report.examples[:4]]
    writer = Writer(learner.model, learner.tokenizer)
    here = [one.text for one in writer.predict(asked)]
    for base in (causal, artifact):  # with its base, and without one
        predictor = TASKS[writing.task].load(artifact, base)
        assert [one.text for one in predictor.predict(asked) if isinstance(one, Written)] == here
    untouched = Asking(Sampling(max_new_tokens=8), untouched=True)
    tuned = TASKS[writing.task].load(artifact, causal)
    assert [one.text for one in tuned.predict(asked, untouched) if isinstance(one, Written)] != here


def test_a_whole_or_merged_model_is_a_base_for_a_second_training(
    writing: Learned, causal: Path, tmp_path: Path
) -> None:
    from peft import PeftModel

    first = writing.attempt(20, max_steps=20)
    tokenizer = load_tokenizer(first.artifact)
    merged = PeftModel.from_pretrained(load_causal(causal, tokenizer), first.artifact).merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    tokenizer.save_pretrained(tmp_path / "merged")
    again = replace(writing, model=tmp_path / "merged").attempt(21, max_steps=4, use_dora=True)
    start = float(again.report.baselines[0].scores[0].value)
    assert start == pytest.approx(first.report.scores[0].value, rel=1e-3), "it goes on from what was learned"
    assert start < 0.8 * first.report.baselines[0].scores[0].value
    whole = writing.attempt(23, max_steps=2, training_method="full", learning_rate=1e-4).artifact
    assert replace(writing, model=whole).attempt(24, max_steps=2).report.scores


def test_an_adapter_as_a_base_is_refused_with_the_base_it_has(writing: Learned) -> None:
    adapter = writing.attempt(30, max_steps=1).artifact
    with pytest.raises(ModelError, match="holds an adapter.*Choose the model it was made for .tiny.*merge"):
        replace(writing, model=adapter).attempt(31)


def test_a_task_that_needs_an_adapter_refuses_a_whole_model_before_it_trains(causal: Path, tmp_path: Path) -> None:
    said = [("Is it so?", "It is.", "Non lo so."), ("Are you there?", "I am here.", "Dove sono?")] * 12
    rows = [
        {"prompt": f"{asked} {number}", "chosen": yes, "rejected": no} for number, (asked, yes, no) in enumerate(said)
    ]
    columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
    for task in ("preference-tuning", "reward-modeling"):
        run = learned(tmp_path / task, task, rows, columns, causal, training_method="full")
        with pytest.raises(ModelError, match="needs an adapter.*Set training_method to lora"):
            run.attempt()
        assert not list(run.folder.glob("attempt-1/checkpoints/*"))


@pytest.mark.parametrize("tied", [True, False])
def test_tokens_that_the_model_does_not_know_get_rows_that_are_learned_and_saved(
    writing: Learned, tmp_path: Path, tied: bool
) -> None:
    model = writers.save_causal(said(), tmp_path / "base", vocabulary=500, pad="unknown", tie_word_embeddings=tied)
    tokenizer = load_tokenizer(model)
    loaded = load_causal(model, tokenizer)
    rows = loaded.get_input_embeddings().weight.shape[0]
    assert rows == len(tokenizer) == 501
    assert (loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight) == tied
    tuned = add_lora(loaded, AdapterParams(lora_r=2), kind="CAUSAL_LM").train()
    ids = torch.tensor([[5, 500, 6, 500]])
    optimizer = torch.optim.SGD([part for part in tuned.parameters() if part.requires_grad], lr=1.0)
    frozen = loaded.get_input_embeddings().weight[:500].detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        tuned(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    expected = tuned.eval()(input_ids=ids).logits
    tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    from peft import PeftModel

    again = PeftModel.from_pretrained(load_causal(model, tokenizer), tmp_path / "adapter").eval()
    torch.testing.assert_close(again(input_ids=ids).logits, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(again.get_base_model().get_input_embeddings().weight[:500], frozen)
    if tied:
        artifact = replace(writing, model=model).attempt(40, max_steps=4).artifact
        assert not any("embed_tokens.weight" in name for name in load_file(artifact / "adapter_model.safetensors"))
        TASKS[writing.task].load(artifact, model)


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_a_quantised_base_is_tuned_and_loaded_again_as_it_was(writing: Learned, causal: Path, bits: str) -> None:
    pytest.importorskip("bitsandbytes")
    attempt = writing.given(50 + int(bits[0]), quantization=bits, max_steps=40)
    assert isinstance(attempt.params, AdapterParams)
    learner = ChatLearner(attempt, attempt.params, task=writing.task, shape="prompt-completion")
    report = learner.run().report
    assert report.headline().beats(report.baselines[0].scores[0])
    assert {"4bit": "Linear4bit", "8bit": "Linear8bitLt"}[bits] in str(learner.model)
    asked = [{"prompt": example.inputs["prompt"]} for example in report.examples[:3]]
    here = [one.text for one in Writer(learner.model, learner.tokenizer).predict(asked)]
    loaded = TASKS[writing.task].load(attempt.artifact, causal)
    assert [one.text for one in loaded.predict(asked) if isinstance(one, Written)] == here
