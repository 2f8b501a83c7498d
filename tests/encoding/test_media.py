"""Images, boxes and sounds go from a file to the first batch, prepared as the model prepares them."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from autotrain.data.store import Dataset, DatasetStore
from autotrain.encoding.media import MEDIA_SHAPES, MediaBatch, media_preview
from autotrain.encoding.pictures import classified, detected, image_processor, open_image
from autotrain.encoding.sounds import at_rate, feature_extractor, heard, open_sound
from autotrain.errors import DataError
from autotrain.settings import Settings


@pytest.fixture
def store(settings: Settings) -> DatasetStore:
    return DatasetStore(settings)


def picture(colour: str, width: int = 80, height: int = 60) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(sink, "PNG")
    return sink.getvalue()


def tone(pitch: float, rate: int = 8_000, seconds: float = 1.0, channels: int = 1, form: str = "WAV") -> bytes:
    wave = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate)
    sink = io.BytesIO()
    soundfile.write(sink, np.stack([wave] * channels, axis=1), rate, format=form)
    return sink.getvalue()


def packed(files: dict[str, bytes | str], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def seen(dataset: Dataset, model: Path | None = None) -> MediaBatch:
    """The batch of the shape that the table looks like most."""
    best = suggestions(dataset.profile)[0]
    columns = {guess.role: guess.column for guess in best.mapping if guess.column is not None}
    assert "error" not in [finding.severity for finding in SHAPES[best.shape].check(dataset.table(), columns)]
    return media_preview(dataset.table(), best.shape, columns, dataset.files_folder, model)


COLOURS: dict[str, bytes | str] = {f"{name}/{n}.png": picture(name) for name in ("red", "blue") for n in range(6)}


def test_every_shape_that_has_no_tokens_has_a_batch_of_its_own() -> None:
    from autotrain.encoding.batch import ENCODED_SHAPES

    assert set(SHAPES) == MEDIA_SHAPES | ENCODED_SHAPES and not MEDIA_SHAPES & ENCODED_SHAPES


def test_a_folder_of_images_for_each_class(store: DatasetStore, tmp_path: Path) -> None:
    batch = seen(store.add(packed(COLOURS, tmp_path / "a.zip")))
    assert batch.tensors == {"pixel_values": [4, 3, 224, 224], "labels": [4]}
    assert batch.classes == ["blue", "red"] and (batch.minimum, batch.maximum) == (-1.0, 1.0)
    assert [row.target for row in batch.rows] == ["blue"] * 4 and batch.rows[0].original == "80 by 60 pixels"
    shown = Image.open(io.BytesIO(base64.b64decode(batch.rows[0].picture.partition(",")[2])))
    assert shown.convert("RGB").getpixel((10, 10)) == (0, 0, 255)


def test_the_models_own_preparation_is_used(store: DatasetStore, tmp_path: Path) -> None:
    model = tmp_path / "tiny-vit"
    model.mkdir()
    told = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 48}, "do_normalize": False}
    (model / "preprocessor_config.json").write_text(json.dumps(told))
    batch = seen(store.add(packed(COLOURS, tmp_path / "a.zip")), model)
    assert batch.tensors["pixel_values"] == [4, 3, 32, 48] and (batch.minimum, batch.maximum) == (0.0, 1.0)
    assert "as tiny-vit reads images" in batch.explanation


def test_pixels_are_what_the_formula_says(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("#336699"))
    rows = [{"image": "a.png", "label": "x"}]
    made = classified(image_processor(None).made, rows, tmp_path, ["w", "x"])
    expected = np.array([0x33, 0x66, 0x99]) / 255 * 2 - 1
    assert np.allclose(made["pixel_values"][0, :, 100, 100], expected, atol=1e-6) and made["labels"].tolist() == [1]


BOXES = [[8.0, 6.0, 40.0, 30.0], [0.0, 0.0, 80.0, 60.0]]
VOC = (
    "<annotation><filename>{name}</filename><size><width>80</width><height>60</height></size>"
    "<object><name>cat</name><bndbox><xmin>9</xmin><ymin>7</ymin><xmax>48</xmax><ymax>36</ymax></bndbox></object>"
    "<object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>80</xmax><ymax>60</ymax></bndbox></object>"
    "</annotation>"
)
COCO = {
    "images": [{"id": n, "file_name": f"{n}.png", "width": 80, "height": 60} for n in range(6)],
    "annotations": [
        {"id": 2 * n + k, "image_id": n, "category_id": k + 1, "bbox": box}
        for n in range(6)
        for k, box in enumerate(BOXES)
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
}
PICTURES: dict[str, bytes | str] = {f"images/{n}.png": picture("green") for n in range(6)}
OBJECTS = {"bbox": BOXES, "category": ["cat", "dog"]}
DETECTION: dict[str, dict[str, bytes | str]] = {
    "metadata": {
        **{f"{n}.png": picture("green") for n in range(6)},
        "metadata.jsonl": "".join(json.dumps({"file_name": f"{n}.png", "objects": OBJECTS}) + "\n" for n in range(6)),
    },
    "coco": {**PICTURES, "annotations/instances.json": json.dumps(COCO)},
    "voc": {**PICTURES, **{f"Annotations/{n}.xml": VOC.format(name=f"{n}.png") for n in range(6)}},
    "yolo": {
        **PICTURES,
        **{f"labels/{n}.txt": "0 0.35 0.35 0.5 0.5\n1 0.5 0.5 1 1\n" for n in range(6)},
        "classes.txt": "cat\ndog\n",
    },
    "yolo with its yaml": {
        **PICTURES,
        **{f"labels/{n}.txt": "0 0.35 0.35 0.5 0.5\n1 0.5 0.5 1 1\n" for n in range(6)},
        "data.yaml": "train: images\nnames:\n  0: cat\n  1: dog\n",
    },
}


@pytest.mark.parametrize("layout", DETECTION)
def test_boxes_of_every_layout(layout: str, store: DatasetStore, tmp_path: Path) -> None:
    dataset = store.add(packed(DETECTION[layout], tmp_path / "a.zip"))
    assert dataset.profile.findings == ()
    batch = seen(dataset)
    assert batch.classes == ["cat", "dog"] and batch.rows[0].target == "cat, dog"
    assert batch.tensors["pixel_values"][:2] == [4, 3] and batch.tensors["pixel_mask"][0] == 4
    (number, row), *_ = SHAPES["object-detection"].rows(dataset.table(), {"image": "image", "boxes": "objects"})
    assert np.allclose(row["boxes"], BOXES) and row["categories"] == ["cat", "dog"]
    made = detected(image_processor(None, boxes=True).made, [row], dataset.files_folder, batch.classes)
    labels = made["labels"][0]
    # Centre and size in shares of 80 by 60 pixels: (8 + 20) / 80, (6 + 15) / 60, 40 / 80, 30 / 60.
    assert np.allclose(labels["boxes"], [[0.35, 0.35, 0.5, 0.5], [0.5, 0.5, 1, 1]], atol=1e-3)
    assert labels["class_labels"].tolist() == [0, 1]


def test_an_image_without_boxes_teaches_that_there_is_nothing(store: DatasetStore, tmp_path: Path) -> None:
    dataset = store.add(packed(DETECTION["yolo"] | {"images/9.png": picture("black")}, tmp_path / "a.zip"))
    rows = dict(SHAPES["object-detection"].rows(dataset.table(), {"image": "image", "boxes": "objects"}))
    assert len(rows) == 7 and rows[7]["boxes"] == []


def test_boxes_that_leave_their_image_are_named(store: DatasetStore, tmp_path: Path) -> None:
    files = DETECTION["yolo"] | {"labels/3.txt": "0 0.9 0.5 0.5 0.5\n"}
    dataset = store.add(packed(files, tmp_path / "a.zip"))
    (found,) = SHAPES["object-detection"].check(dataset.table(), {"image": "image", "boxes": "objects"})
    assert (found.code, found.rows) == ("box-outside", (4,))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("annotations.json", '{"images": [{"id": 1}], "annotations": []}', "cannot be read"),
        ("0.xml", "<annotation><object><bndbox/></object></annotation>", "cannot be read"),
        ("0.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "it declares entities"),
    ],
)
def test_boxes_that_cannot_be_read_are_a_sentence(
    name: str, content: str, words: str, store: DatasetStore, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        store.add(packed({**PICTURES, name: content}, tmp_path / "a.zip"))


def sounds(**how: Any) -> dict[str, bytes | str]:
    return {
        f"{name}/{n}.wav": tone(pitch + n, **how) for name, pitch in (("low", 200), ("high", 2000)) for n in range(6)
    }


def test_a_folder_of_sounds_for_each_class(store: DatasetStore, tmp_path: Path) -> None:
    batch = seen(store.add(packed(sounds(channels=2), tmp_path / "a.zip")))
    assert batch.tensors == {"input_values": [4, 16_000], "attention_mask": [4, 16_000], "labels": [4]}
    assert batch.classes == ["high", "low"] and batch.rows[0].original == "1.0 s at 8,000 Hz"
    assert batch.rows[0].picture.startswith("data:image/png;base64,")


def test_the_models_own_ears_are_used(store: DatasetStore, tmp_path: Path) -> None:
    model = tmp_path / "tiny-ast"
    model.mkdir()
    told = {
        "feature_extractor_type": "ASTFeatureExtractor",
        "sampling_rate": 16_000,
        "max_length": 64,
        "num_mel_bins": 32,
    }
    (model / "preprocessor_config.json").write_text(json.dumps(told))
    batch = seen(store.add(packed(sounds(), tmp_path / "a.zip")), model)
    assert batch.tensors["input_values"] == [4, 64, 32] and "as tiny-ast hears sounds" in batch.explanation


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_tone_keeps_its_pitch_at_another_rate(form: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(tone(440, rate=44_100, form=form, channels=2))
    samples, rate = open_sound(tmp_path / "a")
    assert rate == 44_100 and samples.ndim == 1
    made = at_rate(samples, rate, 16_000)
    assert abs(len(made) - 16_000) < 1_500  # MP3 fills up its last frame
    spectrum = np.abs(np.fft.rfft(made[:16_000], 16_000))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_sounds_of_different_length_are_filled_up_and_masked(tmp_path: Path) -> None:
    for name, seconds in (("a", 0.5), ("b", 1.0)):
        (tmp_path / name).write_bytes(tone(300, seconds=seconds))
    rows = [{"audio": "a", "label": "x"}, {"audio": "b", "label": "y"}]
    made = heard(feature_extractor(None).made, rows, tmp_path, ["x", "y"])
    assert made["attention_mask"].sum(axis=1).tolist() == [8_000, 16_000]


def test_files_that_are_not_here_are_named_with_their_rows(store: DatasetStore, tmp_path: Path) -> None:
    dataset = store.add(packed(COLOURS, tmp_path / "a.zip"))
    (dataset.folder / dataset.table().rows["image"][1].as_py()).unlink()
    batch = seen(dataset)
    (found,) = batch.findings
    assert found.code == "unreadable-files" and found.rows == (2,) and found.fix is not None
    changed = stepped(dataset, STEPS.validate_python([found.fix.step]))
    assert seen(changed).findings == ()


def test_a_table_that_names_files_of_this_machine_shows_none_of_them(store: DatasetStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture("red"))
    names = [str(secret), "../../../secret.png", "/etc/hostname", "cat.png"]
    lines = "".join(f"{names[n % 4]},{'ab'[n % 2]}\n" for n in range(12))
    dataset = store.add_text(f"image,label\n{lines}")
    with pytest.raises(DataError, match="None of the image files is here. Drop a ZIP"):
        media_preview(
            dataset.table(), "image-classification", {"image": "image", "label": "label"}, dataset.folder, None
        )


def test_damaged_images_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("red")[:60])
    with pytest.raises(DataError, match=r"a\.png cannot be read as an image"):
        open_image(tmp_path / "a.png")
