"""A text learned to be written for a text: tiny models of three families, better than a copy, resumed, with an end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, LlamaConfig

from autotrain.answers import Asking, Sampling, Written
from autotrain.errors import DataError, ModelError
from autotrain.events import AnyEvent
from autotrain.models.loading import load_seq2seq, load_tokenizer
from autotrain.task import Result, Wishes
from autotrain.tasks import TASKS
from autotrain.training.fit import IGNORED
from autotrain.training.rewriting import Rewriter, beginning
from autotrain.training.text_to_text import RewritingCollator, rewriting_step
from autotrain.training.wishes import Stopped
from tests.training.learned import Ear, Learned, learned
from tests.training.published import printed
from tests.training.rewriters import Family, save_rewriter
from tests.training.toy import PARAMS, sentences

COLUMNS = {"source": "source", "target": "target"}
WANTED = {
    **PARAMS,
    "learning_rate": 5e-3,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "max_length": 48,
    "max_target_length": 12,
    "per_device_train_batch_size": 8,
    "evaluations_per_epoch": 1,
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Real sentences, each with what it is in words."""
    found = sentences(tmp_path_factory.mktemp("texts"), ("English", "Italian", "Spanish"), rows_of_each=150)
    return [
        {"source": text, "target": f"a {'question' if '?' in text else 'statement'} in {language.lower()}"}
        for text, language in found
    ]


@pytest.fixture(scope="module")
def models(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[Family, Path]:
    texts = [text for row in rows for text in row.values()]
    families: tuple[Family, ...] = ("t5", "bart", "marian")
    return {family: save_rewriter(family, texts, tmp_path_factory.mktemp(family)) for family in families}


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], models: dict[Family, Path], tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("run")
    return learned(folder, "text-to-text", rows, COLUMNS, models["t5"], **WANTED, max_steps=110)


@pytest.fixture(scope="module")
def heard() -> Ear:
    return Ear()


@pytest.fixture(scope="module")
def done(run: Learned, heard: Ear) -> Result:
    return run.attempt(1, heard, source_prefix="describe: ")


def test_it_beats_the_untouched_base_and_a_copy_of_the_source(done: Result) -> None:
    report = done.report
    names = ["rouge_l", "rouge1", "rouge2", "bleu", "chrf", "length_ratio", "stopped", "perplexity", "token_accuracy"]
    assert [score.name for score in report.scores] == names
    assert [baseline.name for baseline in report.baselines] == ["untouched", "copy"]
    low = report.headline().low
    assert low is not None and low > max(each.scores[0].value for each in report.baselines), report.verdict()
    perplexities = [s.value for part in (report, report.baselines[0]) for s in part.scores if s.name == "perplexity"]
    assert perplexities[0] < perplexities[1] / 10
    assert "stopped" not in {score.name for score in report.baselines[1].scores}, "a copy always ends"
    assert "Length" not in report.verdict(), "longer is not better"
    assert "each of the" in report.notes[-1] and "'13a'" in report.notes[-1]
    assert [one.score for one in report.mistakes] == sorted(one.score or 0 for one in report.mistakes)
    assert not any(one.inputs["source"].startswith("describe: ") for one in report.examples)


def test_what_it_writes_comes_to_an_end_whatever_it_is_asked(done: Result, models: dict[Family, Path]) -> None:
    predictor = TASKS["text-to-text"].load(done.artifact, models["t5"])
    example = done.report.examples[0]
    odd = ["", "word " * 5000, "\u202e\x00😀", "𝔘", "?", "¿Dónde está?"]
    asked = [example.inputs, *({"source": text} for text in odd)]
    answers = predictor.predict(asked, Asking(Sampling(max_new_tokens=200)))
    assert all(isinstance(each, Written) and each.finished and each.tokens < 50 for each in answers)
    assert answers[0].says() == example.predicted
    base = predictor.predict(asked[:1], Asking(Sampling(max_new_tokens=12), untouched=True))[0]
    assert base.says() == example.untouched
    assert predictor.predict([]) == []


def test_an_answer_is_heard_piece_by_piece_and_drawn_by_its_seed(done: Result, models: dict[Family, Path]) -> None:
    predictor = TASKS["text-to-text"].load(done.artifact, models["t5"])
    asked = [{"source": "Where is it?"}]
    pieces: list[str] = []
    answer = predictor.predict(asked, Asking(said=pieces.append))[0]
    assert "".join(pieces).strip() == answer.says() and len(pieces) > 1
    ways = [Sampling(temperature=3, seed=seed, max_new_tokens=6) for seed in (1, 1, 2, 3)]
    drawn = [predictor.predict(asked, Asking(way))[0].says() for way in ways]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1


def test_the_manual_s_python_writes_the_same(done: Result, models: dict[Family, Path], tmp_path: Path) -> None:
    said = printed("text-to-text", done.artifact, models["t5"], tmp_path)
    predictor = TASKS["text-to-text"].load(done.artifact, models["t5"])
    own = predictor.predict([{"source": "Put a text of your own here."}])[0]
    assert said.strip() == own.says()
    compile(TASKS["text-to-text"].manual.app("owner/adapter", "owner/base"), "app.py", "exec")


def test_beams_say_their_text_when_it_is_chosen(done: Result, models: dict[Family, Path], tmp_path: Path) -> None:
    note = json.loads((done.artifact / "autotrain.json").read_text("utf-8"))
    assert (note["source_prefix"], note["max_target_length"], note["num_beams"]) == ("describe: ", 12, 1)
    beamed = tmp_path / "adapter"
    beamed.mkdir()
    for path in done.artifact.iterdir():
        (beamed / path.name).write_bytes(path.read_bytes())
    (beamed / "autotrain.json").write_text(json.dumps({**note, "num_beams": 3}), "utf-8")
    pieces: list[str] = []
    answer = TASKS["text-to-text"].load(beamed, models["t5"]).predict([{"source": "Ciao"}], Asking(said=pieces.append))
    assert pieces == [answer[0].says()] and pieces[0]


@pytest.mark.parametrize("family", ["bart", "marian"])
def test_another_family_learns_it_too_and_stops_by_itself(
    run: Learned, models: dict[Family, Path], family: Family, tmp_path: Path
) -> None:
    other = Learned(run.task, run.columns, tmp_path, models[family], {**run.params, "num_beams": 2, "max_steps": 50})
    (tmp_path / "data").symlink_to(run.folder / "data")
    report = other.attempt(decides="chrf", validated_rows=6, written_rows=12).report
    scores = {score.name: score for score in report.scores}
    assert report.headline().name == "chrf"
    assert all(report.headline().beats(baseline.scores[0]) for baseline in report.baselines)
    assert scores["stopped"].value == 1.0
    assert "12 of the" in report.notes[-1] and "best of 2" in report.notes[-1]


def test_the_validation_writes_texts_where_they_decide(run: Learned) -> None:
    ear = Ear()
    run.attempt(2, ear, decides="rouge_l", validated_rows=4, written_rows=2, max_steps=2)
    points = [values for values in ear.curve().values() if "eval_rouge_l" in values]
    assert points and all("eval_perplexity" in values for values in points)


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    rows: list[dict[str, Any]], models: dict[Family, Path], tmp_path: Path
) -> None:
    short = {**WANTED, "max_steps": 14, "lora_dropout": 0.1, "label_smoothing": 0.1, "written_rows": 2}
    deciding = {"decides": "rouge_l", "validated_rows": 3, "evaluations_per_epoch": 5}
    run = learned(tmp_path, "text-to-text", rows, COLUMNS, models["t5"], **{**short, **deciding})
    whole, resumed = run.stopped_and_resumed(step=7)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_accumulated_batches_learn_and_log_what_one_large_one_does(run: Learned) -> None:
    curves = []
    for number, (batch, accumulated) in enumerate([(8, 1), (2, 4)]):
        ear, sizes = Ear(), {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulated}
        run.attempt(20 + number, ear, max_steps=4, written_rows=1, **sizes)
        curves.append([values["loss"] for values in ear.curve().values() if "loss" in values])
    assert len(curves[0]) == 4
    assert curves[1] == pytest.approx(curves[0], rel=2e-3)


def test_a_stop_is_heard_while_texts_are_written(done: Result, models: dict[Family, Path], run: Learned) -> None:
    class Impatient(Ear):
        def emit(self, event: AnyEvent) -> None:
            super().emit(event)
            if event.kind == "phase" and event.name == "evaluate" and (event.fraction or 0) > 0.1:
                self.wishes.stop = True

    ear = Impatient(Wishes())
    with pytest.raises(Stopped):
        run.attempt(30, ear, max_steps=1, written_rows=40)
    assert not (run.folder / "attempt-30" / "adapter").exists()


def test_a_base_of_another_kind_is_refused_before_training(run: Learned, tmp_path: Path) -> None:
    for config, kind in ((LlamaConfig(), "llama"), (BertConfig(), "bert")):
        config.save_pretrained(tmp_path / kind)
        with pytest.raises(ModelError, match=f"'{kind}'.*Choose an encoder-decoder such as T5, BART or Marian"):
            Learned(run.task, run.columns, run.folder, tmp_path / kind, run.params).attempt(40 + len(kind))


def test_weights_without_a_decoder_are_refused(models: dict[Family, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in models["t5"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept = {name: part for name, part in load_file(tmp_path / "model.safetensors").items() if "decoder" not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="do not belong to its config.json.*decoder"):
        load_seq2seq(tmp_path, load_tokenizer(tmp_path))


def test_targets_that_are_all_too_long_are_refused_and_some_are_said(
    run: Learned, rows: list[dict[str, Any]], models: dict[Family, Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="would never learn how one ends. Raise the longest target to"):
        run.attempt(50, max_target_length=4)
    some = [*rows[:60], *({"source": f"tell me {n}", "target": "word " * 90} for n in range(40))]
    ear = Ear()
    folder = tmp_path / "some"
    long = learned(folder, "text-to-text", some, COLUMNS, models["bart"], **{**WANTED, "max_target_length": 80})
    report = long.attempt(1, ear, max_steps=1, written_rows=1).report
    said = [event.text for event in ear.told if event.kind == "log"]
    assert any("cut at 64 tokens and not at 80: the model can write no more" in text for text in said), said
    assert any("targets are longer than 64 tokens" in text for text in said)
    assert any("how they end, was not learned" in note for note in report.notes)


@pytest.mark.parametrize(("family", "start"), [("t5", 0), ("bart", 2), ("marian", 2)])
def test_what_the_decoder_begins_with_is_what_the_family_was_made_for(
    models: dict[Family, Path], family: Family, start: int
) -> None:
    tokenizer = load_tokenizer(models[family])
    model = load_seq2seq(models[family], tokenizer)
    begins = beginning(model, tokenizer)
    assert begins.start == start
    target = list(tokenizer(text_target="a question in english")["input_ids"])
    source = list(tokenizer("Where is it?")["input_ids"])
    item = {"input_ids": source, "decoder_input_ids": [begins.start, *target[:-1]], "labels": target}
    batch = RewritingCollator(tokenizer.pad_token_id)([item, {**item, "labels": target[:2]}])
    golden = model(input_ids=torch.tensor([source]), labels=torch.tensor([target])).loss
    assert rewriting_step(model, RewritingCollator(tokenizer.pad_token_id)([item]))[0].item() == pytest.approx(
        golden.item(), rel=1e-5
    )
    assert batch["labels"][1].tolist() == [*target[:2], *[IGNORED] * (len(target) - 2)]
    endless = Rewriter(model, tokenizer, begins).write([source], Sampling(max_new_tokens=9))[0]
    assert endless.finished or endless.tokens == 9, "an untaught model is stopped and says so"


def test_padding_and_accumulation_change_no_loss(models: dict[Family, Path]) -> None:
    for family in ("t5", "bart", "marian"):
        tokenizer = load_tokenizer(models[family])
        model = load_seq2seq(models[family], tokenizer).eval().requires_grad_(False)
        start = beginning(model, tokenizer).start
        items = []
        for source, target in (("one", "a"), ("a much longer source", "a longer target too"), ("x", "y z")):
            ids = list(tokenizer(text_target=target)["input_ids"])
            read = list(tokenizer(source)["input_ids"])
            items.append({"input_ids": read, "decoder_input_ids": [start, *ids[:-1]], "labels": ids})
        collate, count = RewritingCollator(tokenizer.pad_token_id), sum(len(item["labels"]) for item in items)
        whole = float(rewriting_step(model, collate(items), count)[0])
        parts = sum(float(rewriting_step(model, collate([item]), count)[0]) for item in items)
        assert whole == pytest.approx(parts, rel=1e-5)
        blank = {**items[1], "labels": [IGNORED] * len(items[1]["labels"])}
        assert float(rewriting_step(model, collate([blank]))[0]) == 0.0
        assert float(rewriting_step(model, collate([*items, blank]), count)[0]) == pytest.approx(whole, rel=1e-5)


def test_smoothing_is_of_the_training_alone(models: dict[Family, Path]) -> None:
    tokenizer = load_tokenizer(models["t5"])
    model = load_seq2seq(models["t5"], tokenizer)
    item = {"input_ids": [9, 1], "decoder_input_ids": [0, 7], "labels": [7, 1]}
    batch = RewritingCollator(0)([item])
    plain, smooth = (rewriting_step(model.train(), batch, smoothing=part)[0] for part in (0.0, 0.3))
    logs = torch.log_softmax(model(**{k: v for k, v in batch.items() if k != "labels"}).logits, -1)
    assert float(smooth) == pytest.approx(float(0.7 * plain + 0.3 * -logs.mean(-1).mean()), rel=1e-5)
    assert float(rewriting_step(model.eval(), batch, smoothing=0.3)[0]) == pytest.approx(float(plain), rel=1e-5)


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    replace(run, params={**run.params, "source_prefix": "describe: "}).judges_again(done, "copy")
