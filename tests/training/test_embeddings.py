"""Vectors learned from alike texts: real sentences, better than the untouched base, resumed; and each loss."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.losses import (
    BatchHardSoftMarginTripletLoss,
    BatchHardTripletLossDistanceFunction,
    TripletDistanceMetric,
)
from transformers import BertModel, GPT2Config

from autotrain.answers import Embedded, Similar
from autotrain.errors import DataError, ModelError
from autotrain.models.loading import load_encoder, load_tokenizer
from autotrain.models.lora import add_lora
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.tasks.sentence_embeddings import Params
from autotrain.training.contrast import (
    MARGIN,
    Contrast,
    Known,
    batch_hard,
    collator,
    companions,
    cosent,
    ranking,
    supervised,
    triplet,
)
from autotrain.training.embeddings import sizes_of
from autotrain.training.fit import IGNORED
from tests.training.learned import Learned, learned
from tests.training.published import printed
from tests.training.toy import PARAMS, save_encoder, sentences

PAIRS = {"anchor": "anchor", "positive": "positive"}
WANTED = {"learning_rate": 5e-3, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "max_length": 32}
# A model that knows nothing yet escapes a steep loss by giving all texts the same vector; a small scale is not steep.
WANTED |= {"per_device_train_batch_size": 32, "mini_batch_size": 64, "scale": 3.0, "evaluations_per_epoch": 1}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Real sentences of three languages."""
    return sentences(tmp_path_factory.mktemp("texts"), ("English", "Italian", "Spanish"), rows_of_each=200)


@pytest.fixture(scope="module")
def pairs(texts: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Each sentence with one that names its language: of three near texts, many anchors share one."""
    return [{"anchor": text, "positive": f"The language of this text is {label}."} for text, label in texts]


@pytest.fixture(scope="module")
def model(texts: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder to which words are more than their places, as to those that have been trained."""
    folder = save_encoder([text for text, _ in texts], tmp_path_factory.mktemp("encoder"))
    encoder = BertModel.from_pretrained(folder)
    with torch.no_grad():
        encoder.embeddings.word_embeddings.weight *= 10
        encoder.embeddings.token_type_embeddings.weight.zero_()
    encoder.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(pairs: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("run")
    wanted = {**PARAMS, **WANTED, "num_train_epochs": 8, "learning_rate": 3e-3, "scale": 5.0}
    return learned(folder, "sentence-embeddings", pairs, PAIRS, model, **wanted)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt(matryoshka_dims="32, 8")


def test_pairs_bring_texts_near_that_were_far_for_the_base(done: Result) -> None:
    report = done.report
    assert [score.name for score in report.scores] == ["ndcg_at_10", "mrr", "recall_at_1", "recall_at_10"]
    assert [baseline.name for baseline in report.baselines] == ["base", "bm25"]
    for baseline in report.baselines:
        low = report.headline().low
        assert low is not None and low > baseline.scores[0].value, (report.headline(), baseline)
    assert any("gained" in note for note in report.notes) and "among the 3 of the test rows" in report.notes[-1]
    ((short,),) = [report.shortened]  # all 32 numbers are no shorter vector
    assert short.size == 8 and short.score.beats(short.untouched)
    assert [one.score for one in report.mistakes] == sorted(one.score or 0 for one in report.mistakes)
    assert all(2 <= len(one.inputs["texts"].split("\n")) <= 3 for one in report.examples)


def test_the_finished_adapter_compares_texts_and_gives_their_vectors(done: Result, model: Path) -> None:
    predictor = TASKS["sentence-embeddings"].load(done.artifact, model)
    example = done.report.examples[-1].inputs["texts"]
    similar, one, empty, odd = predictor.predict(
        [{"texts": example + "\n\n " + example}, {"text": "word " * 5000}, {"texts": ""}, {"text": "\u202e\x00😀"}]
    )
    assert isinstance(similar, Similar) and isinstance(one, Embedded) and isinstance(odd, Embedded)
    values = np.array(similar.values)
    assert values.shape == (len(similar.texts),) * 2 and len(similar.texts) == 2 * len(example.split("\n"))
    assert np.allclose(values, values.T) and np.allclose(np.diag(values), 1) and (np.abs(values) <= 1).all()
    first, second = predictor.predict([{"text": text} for text in similar.texts[:2]])
    assert isinstance(first, Embedded) and isinstance(second, Embedded)
    assert float(np.dot(first.vector, second.vector)) == pytest.approx(values[0, 1], abs=1e-5)
    assert len(one.vector) == 32 and isinstance(empty, Similar) and empty.values == ((1.0,),)
    assert all(each.cells() and each.says() and each.lines() for each in (similar, one, empty, odd))
    with pytest.raises(DataError, match="at most 100"):
        predictor.predict([{"texts": "a\n" * 101}])


def test_the_manual_gives_the_vectors_of_the_app(done: Result, model: Path, tmp_path: Path) -> None:
    then = 'print(json.dumps({"texts": texts, "vectors": vectors.tolist()}))'
    made = json.loads(printed("sentence-embeddings", done.artifact, model, tmp_path, then).splitlines()[-1])
    predictor = TASKS["sentence-embeddings"].load(done.artifact, model)
    own = predictor.predict([{"text": text} for text in made["texts"]])
    assert np.allclose(made["vectors"], [each.vector for each in own], atol=1e-5)  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", ["classification", "scored-pairs"])
def test_labels_and_scores_bring_texts_near_as_well(
    texts: list[tuple[str, str]], model: Path, tmp_path: Path, shape: str
) -> None:
    rows: list[dict[str, Any]] = [{"text": text, "label": label} for text, label in texts]
    if shape == "scored-pairs":
        chance, rows = random.Random(0), []
        for text, label in texts:
            said = chance.choice([label, chance.choice(["English", "Italian", "Spanish"])])
            other = f"The language of this text is {said}."
            rows.append({"sentence1": text, "sentence2": other, "score": "yes" if said == label else "no"})
    columns = {role: role for role in rows[0]}
    wanted = {**PARAMS, **WANTED, "num_train_epochs": 8}
    report = learned(tmp_path, "sentence-embeddings", rows, columns, model, **wanted).attempt().report
    names = {"classification": ["ndcg_at_10", "nearest_accuracy", "mrr"], "scored-pairs": ["spearman", "pearson"]}
    assert [score.name for score in report.scores] == names[shape]
    base = report.baselines[0]
    assert base.name == "base" and report.headline().beats(base.scores[0])


def triplets(texts: list[tuple[str, str]]) -> list[dict[str, str]]:
    chance = random.Random(0)
    found = []
    for text, label in texts:
        near = chance.choice([each for each, own in texts if own == label and each != text])
        far = chance.choice([each for each, own in texts if own != label])
        found.append({"anchor": text, "positive": near, "negative": far})
    return found


@pytest.mark.parametrize("loss", ["contrastive", "margin"])
def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    texts: list[tuple[str, str]], model: Path, tmp_path: Path, loss: str
) -> None:
    wanted = {"max_steps": 12, "lora_dropout": 0.1, "mini_batch_size": 32, "per_device_train_batch_size": 16}
    columns = {role: role for role in ("anchor", "positive", "negative")}
    short = {**PARAMS, **WANTED, **wanted, "loss": loss, "evaluations_per_epoch": 5}
    run = learned(tmp_path, "sentence-embeddings", triplets(texts)[::3], columns, model, **short)
    whole, resumed = run.stopped_and_resumed(step=4)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1
    assert any("eval_triplet_accuracy" in point for point in whole.values())


def test_what_cannot_be_learned_is_refused_before_training(run: Learned, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="vectors of 32 numbers.*shortened to 64"):
        run.attempt(30, matryoshka_dims="64,8")
    GPT2Config().save_pretrained(tmp_path / "gpt2")
    with pytest.raises(ModelError, match="cannot be used for sentence embeddings.*Choose an encoder"):
        Learned(run.task, run.columns, run.folder, tmp_path / "gpt2", run.params).attempt(31)
    same = [{"anchor": f"what is {n}", "positive": "the one answer"} for n in range(20)]
    with pytest.raises(DataError, match="The training rows have fewer than two different texts"):
        learned(tmp_path / "same", "sentence-embeddings", same, PAIRS, model, **PARAMS).attempt()
    with pytest.raises(ValueError, match="whole numbers"):
        Params(matryoshka_dims="big")
    assert (sizes_of("256, 64,128,64"), sizes_of(" ")) == ((256, 128, 64), ())


def unit(*shape: int) -> Any:
    """Some vectors of length 1."""
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))
    return torch.nn.functional.normalize(drawn, dim=-1)


def everything(rows: int, others: int = 1) -> Any:
    return torch.ones(rows, others, rows, dtype=torch.bool)


def test_the_losses_are_those_of_sentence_transformers() -> None:
    vectors, classes = unit(3, 8, 6), torch.tensor([0, 1, 0, 2, 1, 2, 0, 1])
    own = losses.MultipleNegativesRankingLoss(None, scale=20.0)
    golden = own.compute_loss_from_embeddings(list(vectors), None)
    assert float(ranking(vectors, everything(8, 2), 20.0).mean()) == pytest.approx(float(golden), rel=1e-5)
    golden = own.compute_loss_from_embeddings(list(vectors[:2]), None)
    assert float(ranking(vectors[:2], everything(8), 20.0).mean()) == pytest.approx(float(golden), rel=1e-5)
    near = losses.TripletLoss(None, TripletDistanceMetric.COSINE, MARGIN)
    assert float(triplet(vectors).mean()) == pytest.approx(
        float(near.compute_loss_from_embeddings(list(vectors), None)), rel=1e-5
    )
    scores = torch.tensor([0.1, 0.9, 0.5, 0.5, 0.2, 0.7, 1.0, 0.0])
    golden = losses.CoSENTLoss(None, scale=20.0).compute_loss_from_embeddings(list(vectors[:2]), scores)
    assert float(cosent((vectors[0] * vectors[1]).sum(-1), scores, 20.0)) == pytest.approx(float(golden), rel=1e-5)
    distance = BatchHardTripletLossDistanceFunction.cosine_distance
    hard = BatchHardSoftMarginTripletLoss(SimpleNamespace(), distance_metric=distance)  # type: ignore[arg-type]
    golden = hard.batch_hard_triplet_soft_margin_loss(classes, vectors[0])
    assert float(batch_hard(vectors[0], classes, torch.arange(8), 1.0).mean()) == pytest.approx(float(golden), rel=1e-5)


def test_the_supervised_loss_is_that_of_its_formula_and_a_lonely_text_counts_nothing() -> None:
    vectors, classes, scale = unit(6, 4), [0, 0, 1, 1, 1, 2], 5.0
    found = supervised(vectors, torch.tensor(classes), torch.tensor([0, 1, 2, 3, 4, 5]), scale)
    cosines = np.asarray(vectors @ vectors.T, dtype=np.float64) * scale
    for i in range(6):
        others = [a for a in range(6) if a != i]
        positives = [p for p in others if classes[p] == classes[i]]
        below = np.log(sum(np.exp(cosines[i, a]) for a in others))
        expected = -np.mean([cosines[i, p] - below for p in positives]) if positives else 0.0
        assert float(found[i]) == pytest.approx(float(expected), rel=1e-5)
    twice = supervised(vectors[[0, 0, 2]], torch.tensor([0, 0, 1]), torch.tensor([0, 0, 2]), scale)
    assert twice.tolist() == [0.0, 0.0, 0.0]  # the same text again is nothing to learn from
    assert batch_hard(vectors, torch.zeros(6, dtype=torch.long), torch.arange(6), scale).sum() == 0


def test_what_is_known_to_be_near_is_never_learned_to_be_far() -> None:
    rows = [("a", "p"), ("b", "P "), ("a", "q"), ("c", "a"), ("d", "r")]
    known = Known(rows)
    against = known.against(np.array(known.texts), np.zeros(5, dtype=bool))[:, 0]
    # Columns are p, p, q, a, r. For the anchor a: p, q and a itself are near; its own one stays.
    assert against.tolist() == [
        [True, False, False, False, True],
        [False, True, True, True, True],
        [False, False, True, False, True],
        [True, True, True, True, True],
        [True, True, True, True, True],
    ]
    blank = known.against(np.array(known.texts), np.array([False] * 4 + [True]))[:, 0]
    assert not blank[:4, 4].any() and blank[:4, :4].tolist() == against[:4, :4].tolist()


def tuned(model: Path, dropout: float) -> Any:
    params = Params(lora_r=4, lora_alpha=8, lora_dropout=dropout)
    torch.manual_seed(1)
    made = add_lora(load_encoder(model), params, kind="FEATURE_EXTRACTION").train()
    for name, part in made.named_parameters():
        if "lora_B" in name:  # zeros at first, which would hide the dropout
            torch.nn.init.normal_(part, std=0.05)
    return made


def contrast(**changed: Any) -> Contrast:
    usual = {"shape": "pairs", "loss": "contrastive", "scale": 20.0, "pooling": ("mean",), "sizes": (8,)}
    return Contrast(**{**usual, "rows": 100, "most": 100, **changed})


def batch_of(model: Path, pairs: list[dict[str, Any]], **extra: Any) -> dict[str, Any]:
    tokenizer = load_tokenizer(model)
    texts = [(row["anchor"], row["positive"]) for row in pairs]
    known = Known(texts)
    items = [
        {"input_ids": [tokenizer(text)["input_ids"][:32] for text in row], "labels": place, "text": numbers, **extra}
        for place, (row, numbers) in enumerate(zip(texts, known.texts, strict=True))
    ]
    return collator(tokenizer, "cpu", known)(items)


def gradients(model: Any, made: Contrast, batch: Mapping[str, Any]) -> tuple[float, list[Any], int]:
    """The loss, its gradients, and how many numbers the forward pass left in memory for the backward pass."""
    kept = 0

    def pack(tensor: Any) -> Any:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    model.zero_grad()
    torch.manual_seed(7)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss, _ = made.step(model, dict(batch))
        at_most = kept
    loss.backward()
    return float(loss.detach()), [part.grad.clone() for part in model.parameters() if part.grad is not None], at_most


def test_a_batch_in_parts_has_the_gradients_of_the_whole_and_keeps_less(
    model: Path, pairs: list[dict[str, Any]]
) -> None:
    batch, encoder = batch_of(model, pairs[::25]), tuned(model, 0.0)
    whole, golden, much = gradients(encoder, contrast(), batch)
    parts, found, little = gradients(encoder, contrast(most=5), batch)
    assert parts == pytest.approx(whole, rel=1e-4) and len(found) == len(golden) > 0
    assert all(torch.allclose(one, other, atol=1e-5, rtol=1e-3) for one, other in zip(found, golden, strict=True))
    assert little < much / 3
    # With dropout the second pass must drop what the first one did: then a step against the gradient is one downhill.
    encoder = tuned(model, 0.5)
    before, found, _ = gradients(encoder, contrast(most=5), batch)
    norm = float(sum(part.square().sum() for part in found))
    with torch.no_grad():
        trained = [part for part in encoder.parameters() if part.grad is not None]
        for part, slope in zip(trained, found, strict=True):
            part -= 1e-3 / norm * slope
    after, _, _ = gradients(encoder, contrast(most=5), batch)
    assert before - after == pytest.approx(1e-3, rel=0.2)


def test_accumulated_batches_are_the_mean_over_rows_and_a_row_that_fills_up_counts_nothing(
    model: Path, pairs: list[dict[str, Any]]
) -> None:
    encoder, made = tuned(model, 0.0).eval(), contrast()
    first, second = batch_of(model, pairs[:300:40]), batch_of(model, pairs[300::70])
    alone = [(float(made.step(encoder, each)[0].detach()), len(each["labels"])) for each in (first, second)]
    count = torch.tensor(sum(rows for _, rows in alone))
    together = sum(float(made.step(encoder, each, count)[0].detach()) for each in (first, second))
    assert together == pytest.approx(sum(loss * rows for loss, rows in alone) / int(count), rel=1e-5)
    for shape in ("pairs", "triplets", "scored-pairs", "classification"):
        filled = batch_of(model, pairs[:3], score=1.0, **{"class": 0}) | {"labels": torch.full((3,), IGNORED)}
        for counted in (count, torch.tensor(0), None):
            assert float(contrast(shape=shape).step(encoder, filled, counted)[0].detach()) == 0.0


def test_a_larger_batch_of_an_evaluation_is_judged_in_parts_like_those_of_the_training(
    model: Path, pairs: list[dict[str, Any]]
) -> None:
    encoder = tuned(model, 0.0).eval()
    both = batch_of(model, pairs[::60])
    loss, outputs = contrast(rows=5).step(encoder, both)
    parts = [float(contrast().step(encoder, batch_of(model, part))[0]) for part in (pairs[:300:60], pairs[300::60])]
    assert float(loss) == pytest.approx(sum(parts) / 2, rel=1e-4)
    assert outputs["logits"].shape == (10, 2, 32)


def test_every_text_has_a_companion_of_its_class_and_is_one_once() -> None:
    classes = [0, 1, 0, 2, 1, 0]
    found = companions(classes, 0)
    assert sorted(found) == list(range(6)) and [classes[other] for other in found] == classes
    assert [place for place, other in enumerate(found) if place == other] == [3]


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    run.judges_again(done, "bm25")
