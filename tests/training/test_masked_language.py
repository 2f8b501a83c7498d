"""Masked words of real sentences: told better than untouched and by frequency, resumed, filled in, refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
    T5Config,
)

from autotrain.answers import Filled
from autotrain.encoding.masking import Masker, document_blocks
from autotrain.errors import DataError, ModelError
from autotrain.models.loading import load_masked, load_tokenizer
from autotrain.task import Masking, Result
from autotrain.tasks import TASKS
from autotrain.training.fit import IGNORED
from autotrain.training.masked_words import MaskingCollator, labels_of, logits_at, masked_step
from tests.training.learned import Ear, Learned, learned
from tests.training.published import printed
from tests.training.toy import PARAMS, save_encoder, sentences

TASK = "masked-language-modeling"
WANTED = {"learning_rate": 1e-2, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "max_length": 48}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Real sentences by language."""
    found = sentences(tmp_path_factory.mktemp("texts"), ("English", "Italian", "Spanish"), rows_of_each=200)
    return {name: [text for text, own in found if own == name] for name in ("English", "Italian", "Spanish")}


def letters(texts: list[str], *fields: str) -> list[str]:
    """Each text as a short letter with these fields."""
    return [f"{' | '.join(fields)} | text: {text} | end of letter." for text in texts]


@pytest.fixture(scope="module")
def headless(texts: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder without a head for masked words, as sentence encoders are."""
    return save_encoder([text for each in texts.values() for text in each], tmp_path_factory.mktemp("headless"))


@pytest.fixture(scope="module")
def model(texts: dict[str, list[str]], headless: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with its head, that has learned letters of other fields, in English."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = load_tokenizer(headless)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96}
    made = BertForMaskedLM(BertConfig(vocab_size=600, max_position_embeddings=64, hidden_dropout_prob=0.0, **size))
    collator = MaskingCollator(tokenizer.pad_token_id, Masker(tokenizer, Masking(share=0.15, seed=5)))
    learned_before = letters(texts["English"], "language: english", "answer: no")
    blocks = [block for text in learned_before for block in document_blocks(tokenizer, text, 48)]
    items = [
        {"input_ids": list(block.input_ids), "labels": labels_of(block.input_ids, block.own), "key": (place, 0)}
        for place, block in enumerate(blocks)
    ]
    chance = random.Random(0)
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-2)
    for step in range(80):
        collator.begin_epoch(step)
        loss, _ = masked_step(made, collator(chance.sample(items, 32)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    made.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rows(texts: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Real sentences in the form of short letters: what a field's texts have in common."""
    return [{"text": letter} for letter in letters(texts["Italian"], "language: italian", "answer: yes")]


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    params = {**PARAMS, **WANTED, "num_train_epochs": 6, "evaluations_per_epoch": 1, "per_device_train_batch_size": 16}
    return learned(tmp_path_factory.mktemp("run"), TASK, rows, {"text": "text"}, model, **params)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_it_tells_masked_words_better_than_the_untouched_base_and_by_frequency(done: Result) -> None:
    report = done.report
    assert [score.name for score in report.scores] == ["perplexity", "token_accuracy", "general_perplexity"]
    assert [baseline.name for baseline in report.baselines] == ["untouched", "frequency"]
    high = report.headline().high
    assert all(high is not None and high < baseline.scores[0].value for baseline in report.baselines), report.scores
    assert "masked tokens of the test texts" in report.notes[-1]
    assert all("[MASK]" in example.inputs["text"] and example.expected for example in report.examples)


def test_the_finished_adapter_fills_open_places_however_they_are_written(done: Result, model: Path) -> None:
    predictor = TASKS[TASK].load(done.artifact, model)
    long = "come stai " * 200
    asked = ["come [MASK] oggi", "come ___ oggi", "come <mask> oggi", "___ sono ___ .", f"{long} ____ {long}", "___"]
    answers = predictor.predict([{"text": text} for text in asked])
    assert answers[0] == answers[1] == answers[2]
    assert [len(each.guesses) for each in answers if isinstance(each, Filled)] == [1, 1, 1, 2, 1, 1]
    for text, each in zip(asked, answers, strict=True):
        assert isinstance(each, Filled) and each.cells() and each.lines() and "[MASK]" not in each.text
        assert each.text.startswith(text.partition("___")[0].partition("[MASK]")[0].partition("<mask>")[0])
        for place in each.guesses:
            sure = [guess.probability for guess in place]
            assert sure == sorted(sure, reverse=True) and 0 < sum(sure) <= 1
            assert not {"[PAD]", "[MASK]", "[UNK]"} & {guess.word for guess in place}
    with pytest.raises(DataError, match=r"“nothing is open” has no open place\. Write \[MASK\] or ___"):
        predictor.predict([{"text": "nothing is open"}])
    assert predictor.predict([]) == []


def test_the_manual_fills_in_as_the_app_does(done: Result, model: Path, tmp_path: Path) -> None:
    then = "print(json.dumps([chances.tolist(), tokenizer.all_special_ids]))"
    found, special = json.loads(printed(TASK, done.artifact, model, tmp_path, then).splitlines()[-1])
    (own,) = TASKS[TASK].load(done.artifact, model).predict([{"text": "Put a text of your ___ here."}])
    assert isinstance(own, Filled)
    chances = torch.tensor(found)
    chances[special] = 0  # the app names no special token
    best = (chances / chances.sum()).topk(len(own.guesses[0]))
    assert best.values.tolist() == pytest.approx([guess.probability for guess in own.guesses[0]], abs=1e-5)


def test_evaluated_again_it_has_the_same_scores(run: Learned, done: Result) -> None:
    run.judges_again(done, "frequency")


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_masks(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    # The stop lies in the second epoch, whose masks are others than the first one's.
    short = {**PARAMS, **WANTED, "max_steps": 24, "lora_dropout": 0.1, "per_device_train_batch_size": 16}
    run = learned(tmp_path, TASK, rows, {"text": "text"}, model, **short)
    whole, resumed = run.stopped_and_resumed(step=14)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_a_base_without_a_head_gets_one_that_is_learned_saved_and_told_of(
    rows: list[dict[str, Any]], headless: Path, tmp_path: Path
) -> None:
    run = learned(tmp_path, TASK, rows[:120], {"text": "text"}, headless, **{**PARAMS, **WANTED, "max_steps": 8})
    ear = Ear()
    result = run.attempt(1, ear)
    report = result.report
    assert any(event.kind == "log" and "no trained head" in event.text for event in ear.told)
    assert any("no trained head" in note for note in report.notes)
    assert [baseline.name for baseline in report.baselines] == ["frequency"]
    alone = run.judged(result, alone=True)
    assert alone.scores == report.scores and alone.baselines == () and alone.mistakes == ()
    assert any("in the order of how well they were told" in note for note in alone.notes)
    assert all(example.untouched is None for example in alone.examples)
    adapter = run.folder / "attempt-1" / "adapter"
    saved = load_file(adapter / "adapter_model.safetensors")
    assert any("cls.predictions.transform.dense.weight" in name for name in saved)
    assert not any("decoder" in name for name in saved), "the word embeddings are the base's own"
    one, other = (TASKS[TASK].load(adapter, headless).predict([{"text": "come ___"}]) for _ in range(2))
    assert one == other, "a head that was not saved would be another one each time"


@pytest.mark.parametrize(
    ("config", "says"),
    [(T5Config(), "encoder-decoder.*Choose an encoder"), (GPT2Config(), "cannot be used for.*Choose an encoder")],
)
def test_a_base_that_reads_otherwise_is_refused(run: Learned, tmp_path: Path, config: Any, says: str) -> None:
    config.save_pretrained(tmp_path / "base")
    with pytest.raises(ModelError, match=says):
        Learned(run.task, run.columns, run.folder, tmp_path / "base", run.params).attempt(30 + len(config.model_type))


def test_a_tokenizer_without_a_mask_and_texts_without_a_token_are_refused(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    maskless = tmp_path / "maskless"
    AutoModelForMaskedLM.from_pretrained(model).save_pretrained(maskless)
    tokenizer = load_tokenizer(model)
    tokenizer.mask_token = None
    tokenizer.save_pretrained(maskless)
    with pytest.raises(ModelError, match="no sign for a masked word"):
        learned(tmp_path / "one", TASK, rows[:40], {"text": "text"}, maskless, **PARAMS).attempt()
    nothing = [{"text": "\u4eba" * (number + 1)} for number in range(30)]  # a sign that the tokenizer does not know
    with pytest.raises(DataError, match="None of the training rows teaches anything"):
        learned(tmp_path / "two", TASK, nothing, {"text": "text"}, model, **PARAMS).attempt()


def test_the_head_sees_the_masked_places_alone_and_answers_the_same(tmp_path: Path, headless: Path) -> None:
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    ends = {"bos_token_id": 1, "eos_token_id": 1, "cls_token_id": 1, "sep_token_id": 1, "pad_token_id": 0}
    configs = [
        BertConfig(vocab_size=99, **size),
        RobertaConfig(vocab_size=99, **size),
        DistilBertConfig(vocab_size=99, dim=32, n_layers=1, n_heads=2, hidden_dim=64),
        ElectraConfig(vocab_size=99, embedding_size=16, **size),
        ModernBertConfig(vocab_size=99, **size, **ends),
        DebertaV2Config(vocab_size=99, **size),
        MPNetConfig(vocab_size=99, **size),
    ]
    ids = torch.randint(5, 99, (3, 9), generator=torch.Generator().manual_seed(1))
    labels = torch.where(torch.rand(3, 9, generator=torch.Generator().manual_seed(2)) < 0.3, ids, IGNORED)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    for config in configs:
        made = AutoModelForMaskedLM.from_config(config).eval()
        with torch.inference_mode():
            whole = made(input_ids=ids, attention_mask=batch["attention_mask"]).logits
            loss, outputs = masked_step(made, batch)
            torch.testing.assert_close(logits_at(made, batch, labels != IGNORED), whole[labels != IGNORED])
        golden = torch.nn.functional.cross_entropy(whole.flatten(0, 1), labels.flatten())
        assert float(loss) == pytest.approx(float(golden), rel=1e-4), config.model_type
        assert outputs["logits"][:, 1].tolist() == (labels != IGNORED).sum(1).tolist()
        assert float(masked_step(made, batch, torch.tensor(40))[0]) == pytest.approx(
            float(outputs["logits"][:, 0].sum()) / 40
        )
    loaded = load_masked(headless, load_tokenizer(headless))
    assert loaded.new_layers == ["cls.predictions.transform.LayerNorm", "cls.predictions.transform.dense"]


def test_a_row_that_fills_up_a_batch_counts_nothing(run: Learned, headless: Path) -> None:
    tokenizer = load_tokenizer(headless)
    collator = MaskingCollator(tokenizer.pad_token_id, Masker(tokenizer, Masking()))
    blank = collator([{"input_ids": [2, 9, 3], "labels": [IGNORED] * 3, "key": (1, 0)}])
    assert blank["input_ids"].tolist() == [[2, 9, 3]] and blank["labels"].tolist() == [[IGNORED] * 3]
    loss, outputs = masked_step(load_masked(headless, tokenizer), blank, torch.tensor(0))
    assert float(loss) == 0.0 and outputs["logits"].tolist() == [[0.0, 0.0, 0.0]]
