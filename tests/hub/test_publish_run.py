"""A finished run on the Hub, as someone else finds it: the card's own code loads the adapter and answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from autotrain.errors import HubError
from autotrain.hub.publish import Publisher
from autotrain.hub.staging import upload_of
from autotrain.models.catalogue import ModelEntry
from autotrain.runs.folder import RunFolder
from tests.doubles import Fault, HubDouble
from tests.hub.test_card import PROFILE, REPORT

BASE = ModelEntry("org/tiny-bert", "org/tiny-bert", "hub", license="apache-2.0", hub_id="org/tiny-bert")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "put", "a", "text", "of", "your", "own", "here", "."]


SENTENCE = "Put a text of your own here."


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny base model, and an adapter with a head of its own as training leaves it, and what they answer."""
    import torch
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("trained")
    base, adapter = folder / "base", folder / "adapter"
    base.mkdir()
    (base / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizerFast(vocab=str(base / "vocab.txt"))
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), num_labels=2, **sizes))
    model.bert.save_pretrained(base)
    tokenizer.save_pretrained(base)
    settings = LoraConfig(task_type=TaskType.SEQ_CLS, target_modules="all-linear", modules_to_save=["classifier"])
    model.name_or_path = model.config._name_or_path = str(base)
    tuned = get_peft_model(model, settings)
    with torch.inference_mode():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.5)
        answer = tuned.eval()(**tokenizer(SENTENCE, return_tensors="pt")).logits.softmax(-1)[0].tolist()
    (folder / "answer.json").write_text(json.dumps(answer))
    tuned.save_pretrained(adapter)
    tokenizer.save_pretrained(adapter)
    note = {"task": "text-classification", "labels": ["billing", "other"], "max_length": 32}
    (adapter / "autotrain.json").write_text(json.dumps(note))
    return base, adapter


@pytest.fixture
def run(trained: tuple[Path, Path], tmp_path: Path) -> RunFolder:
    """The folder of a finished run."""
    folder = RunFolder(tmp_path / "runs" / "run-1")
    folder.data.mkdir(parents=True)
    folder.adapter.symlink_to(trained[1])
    folder.report.write_text(REPORT.model_dump_json())
    (folder.data / "profile.json").write_text(PROFILE.model_dump_json())
    recipe = {
        "version": 1,
        "task": "text-classification",
        "title": "Balanced",
        "model": str(trained[0]),
        "data": {"source": "/home/ann/secret/tickets.csv", "columns": {"text": "message", "label": "team"}},
        "params": {"learning_rate": 2e-4},
        "publish": {"repository": "ticket-router"},
    }
    folder.recipe.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return folder


def test_the_cards_code_loads_the_published_adapter_and_answers(
    hub: HubDouble, run: RunFolder, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    hub.add_model("org/tiny-bert", {path.name: path.read_bytes() for path in trained[0].iterdir()})
    Publisher(hub.token).publish_run(run, "op-1", "ticket-router", BASE, private=True)
    card = hub.content("alice/ticket-router", "README.md").decode()
    program = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert program is not None and '"alice/ticket-router"' in program[1]
    environment = {**os.environ, **hub.environment(tmp_path / "reader"), "HF_TOKEN": hub.token, "OMP_NUM_THREADS": "1"}

    answer = subprocess.run([sys.executable, "-c", program[1]], env=environment, capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr
    lines = [line.split("  ") for line in answer.stdout.splitlines()]
    expected = dict(zip(("billing", "other"), json.loads((trained[0].parent / "answer.json").read_text()), strict=True))
    assert {label: float(probability) for probability, label in lines} == pytest.approx(expected, abs=0.001)


def test_the_cards_code_of_a_model_trained_as_a_whole_needs_no_base(
    hub: HubDouble, run: RunFolder, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base, adapter = trained
    classifier = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    whole = PeftModel.from_pretrained(classifier, adapter).merge_and_unload()
    whole.config.id2label = {0: "billing", 1: "other"}
    run.adapter.unlink()
    whole.save_pretrained(run.adapter)
    AutoTokenizer.from_pretrained(base).save_pretrained(run.adapter)
    (run.adapter / "autotrain.json").write_text((adapter / "autotrain.json").read_text())
    recipe = yaml.safe_load(run.recipe.read_text()) | {"params": {"training_method": "full"}}
    run.recipe.write_text(yaml.safe_dump(recipe))
    Publisher(hub.token).publish_run(run, "op-2", "ticket-model", BASE, private=True)

    card = hub.content("alice/ticket-model", "README.md").decode()
    facts = yaml.safe_load(card.split("---")[1])
    assert (facts["library_name"], facts["base_model_relation"]) == ("transformers", "finetune")
    assert "lora" not in facts["tags"] and "adapter" not in card.replace("adapter_config", "").lower()
    program = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert program is not None and "peft" not in program[1]
    environment = {**os.environ, **hub.environment(tmp_path / "reader"), "HF_TOKEN": hub.token, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run([sys.executable, "-c", program[1]], env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    shown = dict(reversed(line.split("  ")) for line in answer.stdout.splitlines())
    expected = dict(zip(("billing", "other"), json.loads((base.parent / "answer.json").read_text()), strict=True))
    assert {label: float(share) for label, share in shown.items()} == pytest.approx(expected, abs=0.001)
    assert json.loads(hub.content("alice/ticket-model", "config.json"))["model_type"] == "bert"


def test_what_is_published_holds_no_rows_and_no_places(
    hub: HubDouble, run: RunFolder, trained: tuple[Path, Path]
) -> None:
    Publisher(hub.token).publish_run(run, "op-1", "alice/ticket-router", BASE, private=True)

    repository = hub.repository("alice/ticket-router")
    assert repository is not None
    texts = {name: hub.content(repository.id, name) for name in repository.head.files}
    for name, content in texts.items():
        for secret in (b"PRIVATE", b"/home/ann", str(trained[0]).encode(), str(run.path).encode()):
            assert secret not in content, name
    recipe = yaml.safe_load(texts["recipe.yaml"])
    assert (recipe["model"], recipe["data"]["source"]) == ("org/tiny-bert", "tickets.csv")
    report = json.loads(texts["report.json"])
    assert report["mistakes"] == [] and report["confusion"]["labels"] == ["billing", "other"]
    settings = json.loads(texts["adapter_config.json"])
    assert settings["base_model_name_or_path"] == "org/tiny-bert"


def test_a_bare_name_is_resolved_with_patience(hub: HubDouble, run: RunFolder) -> None:
    hub.fault(Fault("/whoami-v2", status=502))
    address = Publisher(hub.token, pauses=(0.0,)).publish_run(run, "op-1", "solo", BASE, private=True)
    assert address == f"{hub.endpoint}/alice/solo"


def test_a_base_model_from_a_folder_is_named_without_its_place(run: RunFolder, trained: tuple[Path, Path]) -> None:
    entry = ModelEntry(str(trained[0]), "base", "folder", path=trained[0])
    upload = upload_of(run, "op-1", "alice/x", entry, private=True)
    assert upload.base == "base" and yaml.safe_load(upload.extras["recipe.yaml"])["model"] == "base"
    assert str(trained[0]) not in upload.card


def test_data_is_called_by_its_name(run: RunFolder) -> None:
    card = upload_of(run, "op-1", "alice/x", BASE, private=True, dataset="spring tickets.csv").card
    assert "`spring tickets.csv` (not published): 1,252 rows, none of them repeated" in card


def test_data_of_the_hub_is_linked_and_the_recipe_names_its_commit(run: RunFolder) -> None:
    source = "hub:lab/tickets@0123456789abcdef#plain/train"
    (run.data / "mapping.json").write_text(json.dumps({"dataset": {"id": "x", "source": source}}), "utf-8")
    upload = upload_of(run, "op-1", "alice/x", BASE, private=True, dataset="lab/tickets (train)")
    assert yaml.safe_load(upload.extras["recipe.yaml"])["data"]["source"] == source
    assert "`lab/tickets` ([lab/tickets](https://huggingface.co/datasets/lab/tickets))" in upload.card
    assert yaml.safe_load(upload.card.split("---")[1])["datasets"] == ["lab/tickets"]


def test_an_unfinished_run_cannot_be_published(run: RunFolder) -> None:
    run.report.unlink()
    with pytest.raises(HubError, match="Run it again") as caught:
        upload_of(run, "op-1", "alice/x", BASE, private=True)
    assert caught.value.code == "nothing-to-publish"
