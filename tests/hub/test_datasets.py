"""Datasets of the Hub: found, looked at and fetched by the real libraries, or refused with a sentence."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, List, Value
from PIL import Image

from autotrain.data.store import DatasetStore
from autotrain.errors import AutotrainError, DataError, HubUnreachable
from autotrain.hub.datasets import HubDatasets, HubSource, open_datasets, parse_source, search_datasets
from autotrain.settings import Settings
from tests.doubles import Fault, HubDouble

CARD = b"""---
license: mit
configs:
- config_name: reviews
  default: true
  data_files:
  - {split: train, path: reviews/train-*}
  - {split: test, path: reviews/test-*}
- config_name: chats
  data_files:
  - {split: train_sft, path: chats/*}
dataset_info:
- config_name: reviews
  features:
  - {name: text, dtype: string}
  - name: label
    dtype: {class_label: {names: {'0': bad, '1': good}}}
  splits:
  - {name: train, num_examples: 40, num_bytes: 2000}
  - {name: test, num_examples: 10, num_bytes: 500}
---
# Reviews
"""


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def reviews(part: str, count: int) -> bytes:
    return parquet([{"text": f"{part} text {number}", "label": number % 2} for number in range(count)])


CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.fixture
def filled(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> HubDouble:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    files = {
        "README.md": CARD,
        "reviews/train-00000-of-00001.parquet": reviews("train", 40),
        "reviews/test-00000-of-00001.parquet": reviews("test", 10),
        "chats/part.parquet": parquet([{"messages": CHAT, "score": 1.5}] * 12),
    }
    hub.add_dataset("alice/reviews", files, downloads=7)
    hub.add_dataset("alice/reviews-copy", {"train.csv": b"a,b\n1,x\n2,y\n"}, downloads=9)
    hub.add_dataset("lab/secret", {"train.csv": b"a,b\n1,x\n2,y\n"}, gated=True)
    return hub


@pytest.fixture
def look(filled: HubDouble, settings: Settings) -> HubDatasets:
    return HubDatasets(settings, lambda: None)


@pytest.fixture
def store(filled: HubDouble, settings: Settings) -> DatasetStore:
    return open_datasets(settings, lambda: None)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hub:a/b", HubSource("a/b")),
        ("hub:b", HubSource("b")),
        ("hub:a/b@main", HubSource("a/b", "main")),
        ("hub:a/b#plain", HubSource("a/b", None, "plain")),
        ("hub:a/b#plain/train", HubSource("a/b", None, "plain", "train")),
        ("hub:a/b@refs/convert/parquet#/test", HubSource("a/b", "refs/convert/parquet", None, "test")),
    ],
)
def test_a_source_is_read_and_written(text: str, source: HubSource) -> None:
    assert parse_source(text) == source
    assert parse_source(str(source)) == source


@pytest.mark.parametrize("text", ["hub:", "hub:@main", "hub:#x", "a/b"])
def test_what_names_no_dataset_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="hub:owner/name"):
        parse_source(text)


def test_datasets_are_found_by_name_the_most_downloaded_first(filled: HubDouble) -> None:
    found = search_datasets("review")
    assert [(one.id, one.downloads, one.license) for one in found] == [
        ("alice/reviews-copy", 9, None),
        ("alice/reviews", 7, "mit"),
    ]
    assert search_datasets("secret")[0].gated and search_datasets("nothing") == []


def test_configurations_splits_and_columns_are_known_before_anything_is_fetched(look: HubDatasets) -> None:
    found = look.choices(HubSource("alice/reviews"))
    assert (found.configs, found.config, found.columns) == (("reviews", "chats"), "reviews", ("text", "label"))
    assert [(split.name, split.rows) for split in found.splits] == [("train", 40), ("test", 10)]
    assert len(found.revision) == 40
    chats = look.choices(HubSource("alice/reviews", None, "chats"))
    assert [(split.name, split.rows) for split in chats.splits] == [("train_sft", None)]


def test_first_rows_name_the_labels(look: HubDatasets) -> None:
    found = look.first_rows(HubSource("alice/reviews", None, None, "test"))
    assert found.columns == ("text", "label") and len(found.rows) == 10
    assert found.rows[:2] == (("test text 0", "bad"), ("test text 1", "good"))
    chat = look.first_rows(HubSource("alice/reviews", None, "chats"))
    assert '"role":"assistant"' in chat.rows[0][0] and chat.rows[0][1] == "1.5"


def test_all_splits_become_one_table_that_says_which_row_is_from_which(store: DatasetStore) -> None:
    told: list[float] = []
    dataset = store.resolve("hub:alice/reviews", lambda done, total: told.append(done / total))
    assert dataset.profile.rows == 50 and dataset.name == "alice/reviews"
    rows = dataset.table().rows
    parts = list(zip(rows["text"].to_pylist(), rows["split"].to_pylist(), strict=True))
    assert len(parts) == 50 and all(text.startswith(split) for text, split in parts)
    assert set(rows["label"].to_pylist()) == {"bad", "good"}
    assert told == sorted(told) and told[-1] == 1


def test_one_split_of_one_configuration(store: DatasetStore) -> None:
    dataset = store.resolve("hub:alice/reviews#chats/train_sft")
    assert dataset.profile.rows == 12 and dataset.profile.column("messages").kind == "messages"  # type: ignore[union-attr]


def test_the_commit_is_kept_and_names_the_same_rows_without_the_hub(
    store: DatasetStore, filled: HubDouble, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = store.resolve("hub:alice/reviews#/train")
    commit = filled.hub.storage.datasets["alice/reviews"].head.oid
    assert dataset.source == f"hub:alice/reviews@{commit}#reviews/train"
    filled.add_dataset("alice/reviews", {"reviews/train-00000-of-00001.parquet": reviews("newer", 30)})
    assert store.resolve("hub:alice/reviews#/train").profile.rows == 30
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert store.resolve(dataset.source).profile.rows == 40
    assert DatasetStore(settings).get(dataset.id).source == dataset.source


def test_an_earlier_commit_is_fetched_by_its_name(store: DatasetStore, filled: HubDouble) -> None:
    commit = filled.hub.storage.datasets["alice/reviews"].head.oid
    filled.add_dataset("alice/reviews", {"reviews/train-00000-of-00001.parquet": reviews("newer", 30)})
    assert store.resolve(f"hub:alice/reviews@{commit}#/train").profile.rows == 40


def test_pictures_are_kept_as_files(filled: HubDouble, store: DatasetStore) -> None:
    def picture(colour: str) -> dict[str, Any]:
        sink = io.BytesIO()
        Image.new("RGB", (8, 8), colour).save(sink, "PNG")
        return {"bytes": sink.getvalue(), "path": f"{colour}.png"}

    features = b"""---
dataset_info:
  features:
  - {name: image, dtype: image}
  - name: label
    dtype: {class_label: {names: {'0': red, '1': blue}}}
---
"""
    rows = [{"image": picture(("red", "blue")[number % 2]), "label": number % 2} for number in range(6)]
    filled.add_dataset("alice/colours", {"README.md": features, "data/train-0.parquet": parquet(rows)})
    dataset = store.resolve("hub:alice/colours")
    table = dataset.table().rows
    assert table["label"].to_pylist() == ["red", "blue"] * 3
    assert dataset.profile.column("image").kind == "image"  # type: ignore[union-attr]
    assert Image.open(dataset.folder / table["image"][1].as_py()).getpixel((0, 0)) == (0, 0, 255)


def test_rows_cannot_name_files_of_this_machine_as_their_pictures(
    filled: HubDouble, store: DatasetStore, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    card = b"---\ndataset_info:\n  features:\n  - {name: image, dtype: image}\n  - {name: text, dtype: string}\n---\n"
    for place in (str(tmp_path / "secret.txt"), f"{filled.endpoint}/x.png"):
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table({"image": pa.array([{"bytes": None, "path": place}] * 3, kind), "text": ["a", "b", "c"]})
        sink = io.BytesIO()
        pq.write_table(table, sink)
        filled.add_dataset("alice/thief", {"README.md": card, "data/train-0.parquet": sink.getvalue()})
        assert refused(lambda: store.resolve("hub:alice/thief")).code == "elsewhere"
    assert not filled.requests("/x.png")


@pytest.mark.parametrize("place", ["{folder}/secret.csv", "../../../../../../..{folder}/secret.csv", "{hub}/x.csv"])
def test_a_card_cannot_name_files_of_this_machine_or_its_network(
    place: str, filled: HubDouble, store: DatasetStore, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text("text,label\nsecret,x\n")
    path = place.format(folder=tmp_path, hub=filled.endpoint)
    card = f"---\nconfigs:\n- config_name: default\n  data_files: {path}\n---\n"
    filled.add_dataset("alice/away", {"README.md": card.encode(), "train.csv": b"text,label\na,b\n"})
    assert refused(lambda: store.resolve("hub:alice/away")).code == "elsewhere"
    assert not filled.requests("/x.csv")


def test_numbers_of_classes_become_names_at_any_depth(filled: HubDouble, store: DatasetStore) -> None:
    features = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=["O", "B-PER"]))})
    rows = {"tokens": [["Anna", "came"]] * 1200, "tags": [None] * 1100 + [[1, 0]] * 100}
    sink = io.BytesIO()
    pq.write_table(pa.table(rows, schema=features.arrow_schema), sink)
    filled.add_dataset("alice/tags", {"train.parquet": sink.getvalue()})
    dataset = store.resolve("hub:alice/tags")
    assert dataset.slice(1150, 1)[0]["tags"] == '["B-PER","O"]'
    assert store.resolve("hub:alice/tags").id == dataset.id


def test_rows_without_labels_that_lie_beside_the_parts_are_left_out(filled: HubDouble, store: DatasetStore) -> None:
    files = {f"{part}.csv": b"text,label\na,x\nb,y\n" for part in ("train", "test")}
    filled.add_dataset("alice/beside", files)
    card = b"---\nconfigs:\n- config_name: default\n  data_files:\n" + b"".join(
        b"  - {split: %s, path: %s.csv}\n" % (name, file)
        for name, file in ((b"train", b"train"), (b"test", b"test"), (b"unsupervised", b"more"))
    )
    filled.add_dataset("alice/beside", {"README.md": card + b"---\n", "more.csv": b"text,label\nz,unknown\n"})
    rows = store.resolve("hub:alice/beside").table().rows
    assert sorted(rows["split"].to_pylist()) == ["test", "test", "train", "train"]
    assert store.resolve("hub:alice/beside#/unsupervised").profile.rows == 1


def refused(action: Callable[[], object]) -> AutotrainError:
    with pytest.raises(AutotrainError) as caught:
        action()
    assert caught.value.message.endswith(".") and "Traceback" not in caught.value.message
    return caught.value


REFUSED: dict[str, tuple[str, str]] = {
    "there is none": ("hub:alice/nothing", "There is no datasets/alice/nothing on the Hub, or it is private"),
    "gated": ("hub:lab/secret", "is gated: its owner decides who may download it. Ask for access at"),
    "no such revision": ("hub:alice/reviews@v9", "has no such revision"),
    "no such configuration": ("hub:alice/reviews#none", 'has no configuration "none". It has "reviews", "chats"'),
    "no such split": ("hub:alice/reviews#reviews/dev", 'has no split "dev". It has "train", "test"'),
    "code": ("hub:alice/code", "comes as Python code, which is never run here"),
    "no data": ("hub:alice/empty", "cannot be read"),
    "broken": ("hub:alice/broken", "cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_fetched_is_a_sentence(case: str, filled: HubDouble, store: DatasetStore) -> None:
    filled.add_dataset("alice/code", {"code.py": b"raise SystemExit", "README.md": b"# Code"})
    filled.add_dataset("alice/empty", {"README.md": b"# Nothing"})
    filled.add_dataset("alice/broken", {"train.parquet": b"PAR1 no parquet at all"})
    source, words = REFUSED[case]
    assert words in refused(lambda: store.resolve(source)).message
    assert store.list() == [] and not any((store._root).glob(".import-*"))


def test_a_gated_dataset_is_fetched_with_a_token_that_may(filled: HubDouble, settings: Settings) -> None:
    assert open_datasets(settings, lambda: filled.token).resolve("hub:lab/secret").profile.rows == 2
    assert filled.token not in "".join(path.read_text() for path in settings.root.rglob("*.json"))


def test_a_dataset_beyond_the_limit_is_stopped(filled: HubDouble, settings: Settings) -> None:
    small = open_datasets(settings.model_copy(update={"max_upload_bytes": 300}), lambda: None)
    assert "more than 300 bytes" in refused(lambda: small.resolve("hub:alice/reviews")).message


def test_a_hub_that_may_not_be_asked(store: DatasetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        store.resolve("hub:alice/reviews")


def test_a_hub_with_a_problem_of_its_own(filled: HubDouble, store: DatasetStore) -> None:
    filled.fault(Fault(r"/api/datasets/alice/reviews", status=500, times=20))
    assert "problem of its own" in refused(lambda: store.resolve("hub:alice/reviews")).message


def test_a_store_without_the_hub_says_so(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be fetched from here"):
        DatasetStore(settings).resolve("hub:alice/reviews")
