"""Archives, folders and several files become one table; what is dangerous in them is refused or left out and said."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from autotrain.data.shapes import suggestions
from autotrain.data.store import Dataset, DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings

TABLE = b"text,label\nThe parcel came late.,complaint\nThank you!,praise\n"


def zipped(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(files: dict[str, bytes], path: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def png(colour: int, size: tuple[int, int] = (8, 8)) -> bytes:
    sink = io.BytesIO()
    Image.new("L", size, colour).save(sink, "PNG")
    return sink.getvalue()


def column(dataset: Dataset, name: str) -> list[str]:
    return list(dataset.table().rows[name].to_pylist())


def codes(dataset: Dataset) -> list[str]:
    return [finding.code for finding in dataset.profile.findings]


@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_table_in_an_archive_is_read(datasets: DatasetStore, tmp_path: Path, pack: str) -> None:
    files = {"data/table.csv": TABLE, "__MACOSX/data/._table.csv": b"\0\1", "data/.DS_Store": b"\0"}
    path = tmp_path / f"a.{pack}"
    made = zipped(files, path) if pack == "zip" else tarred(files, path, f"w:{pack[4:]}" if pack[4:] else "w")
    dataset = datasets.add(made)
    assert column(dataset, "label") == ["complaint", "praise"]
    assert codes(dataset) == []


def test_a_folder_for_each_class_becomes_texts_with_labels_and_given_parts(
    datasets: DatasetStore, tmp_path: Path
) -> None:
    files = {
        f"{part}/{label}/{n}.txt": f"text {part} {label} {n}\nsecond line".encode()
        for part in ("train", "test")
        for label in ("bad", "good")
        for n in (1, 2, 10)
    }
    dataset = datasets.add(zipped(files | {"README.txt": b"read me"}, tmp_path / "a.zip"))
    assert column(dataset, "text")[:3] == [f"text test bad {n}\nsecond line" for n in (1, 2, 10)]
    assert set(zip(column(dataset, "split"), column(dataset, "label"), strict=True)) == {
        (part, label) for part in ("train", "test") for label in ("bad", "good")
    }
    assert codes(dataset) == ["files-left-out"]
    assert suggestions(dataset.profile)[0].shape == "classification"


def test_a_folder_of_images_for_each_class_is_kept_with_its_images(datasets: DatasetStore, tmp_path: Path) -> None:
    files = {f"{label}/{n}.png": png(n) for label in ("cat", "dog") for n in range(3)}
    damaged = {"cat/broken.png": b"no image at all", "dog/huge.png": png(0, (20_000, 6_000))}
    dataset = datasets.add(zipped(files | damaged, tmp_path / "a.zip"))
    assert column(dataset, "label") == ["cat"] * 3 + ["dog"] * 3
    for kept in column(dataset, "image"):
        with Image.open(dataset.folder / kept) as image:
            assert image.size == (8, 8)
    (finding,) = [each for each in dataset.profile.findings if each.code == "damaged-files"]
    assert "cat/broken.png" in finding.message and "20,000 by 6,000 pixels" in finding.message
    assert suggestions(dataset.profile)[0].shape == "image-classification"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_metadata_says_what_the_images_are(datasets: DatasetStore, tmp_path: Path, kind: str) -> None:
    told = {
        "csv": b"file_name,label,caption\n1.png,cat,a cat\n2.png,dog,a dog\n",
        "jsonl": b'{"file_name": "1.png", "label": "cat", "caption": "a cat"}\n'
        b'{"file_name": "2.png", "label": "dog", "caption": "a dog"}\n',
    }[kind]
    files = {"train/1.png": png(1), "train/2.png": png(2), f"train/metadata.{kind}": told}
    dataset = datasets.add(zipped(files, tmp_path / "a.zip"))
    assert column(dataset, "caption") == ["a cat", "a dog"]
    assert column(dataset, "label") == ["cat", "dog"]
    assert column(dataset, "split") == ["train", "train"]


def sound(pitch: float, rate: int = 8_000, channels: int = 1) -> bytes:
    """Half a second of a tone."""
    wave = 0.5 * np.sin(2 * np.pi * pitch * np.arange(rate // 2) / rate)
    sink = io.BytesIO()
    soundfile.write(sink, np.stack([wave] * channels, axis=1), rate, format="WAV")
    return sink.getvalue()


def test_sounds_are_kept_too(datasets: DatasetStore, tmp_path: Path) -> None:
    files = {f"{label}/{n}.wav": sound(100 * n + 300) for label in ("bird", "engine") for n in range(3)}
    dataset = datasets.add(tarred({**files, "bird/9.wav": b"RIFF no sound", "bird/a.m4a": b"ftyp"}, tmp_path / "a.tar"))
    (said,) = [finding for finding in dataset.profile.findings if finding.code == "damaged-files"]
    assert said.count == 2 and "bird/9.wav (damaged, or none of WAV, FLAC, MP3, OGG)" in said.message
    assert suggestions(dataset.profile)[0].shape == "audio-classification"
    assert (dataset.folder / column(dataset, "audio")[0]).read_bytes() == files["bird/0.wav"]


def test_several_files_become_one_table_with_their_parts(datasets: DatasetStore, tmp_path: Path) -> None:
    files = []
    for name, rows in (("train", 6), ("valid", 2), ("test", 3)):
        path = tmp_path / "parts" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("text,label\n" + "".join(f"{name} {n},ab\n" for n in range(rows)), "utf-8")
        files.append((path.name, path))
    dataset = datasets.add_several(files)
    assert column(dataset, "split") == ["test"] * 3 + ["train"] * 6 + ["validation"] * 2
    (numbered,) = [each for each in dataset.profile.findings if each.code == "several-files"]
    assert "test.csv has 1 to 3, train.csv has 4 to 9, valid.csv has 10 to 11" in numbered.message
    assert datasets.add_several(list(reversed(files))).id == dataset.id
    assert datasets.resolve(tmp_path / "parts").profile.rows == 11


def test_files_of_other_names_say_where_each_row_is_from(datasets: DatasetStore, tmp_path: Path) -> None:
    dataset = datasets.add(zipped({"may.csv": TABLE, "june.csv": TABLE.replace(b"late", b"early")}, tmp_path / "a.zip"))
    assert column(dataset, "file") == ["june.csv", "june.csv", "may.csv", "may.csv"]


def test_files_with_other_columns_are_refused_by_name(datasets: DatasetStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv has text, label, and b\.csv has body, label"):
        datasets.add(zipped({"a.csv": TABLE, "b.csv": TABLE.replace(b"text", b"body")}, tmp_path / "a.zip"))


def test_no_name_in_an_archive_becomes_a_path_of_this_machine(datasets: DatasetStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    names = ["../../../outside.csv", str(outside), "C:\\outside.csv", "a/../../outside.csv"]
    for number, name in enumerate(names):
        content = TABLE + f"row {number},praise\n".encode()
        dataset = datasets.add(zipped({name: content}, tmp_path / f"{number}.zip"))
        assert dataset.profile.rows == 3
        assert datasets.add(tarred({name: content}, tmp_path / f"{number}.tar")).profile.rows == 3
    assert not outside.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".csv") == []


def test_links_and_devices_are_left_out_and_said(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (
            ("link.csv", tarfile.SYMTYPE),
            ("hard.csv", tarfile.LNKTYPE),
            ("pipe.csv", tarfile.FIFOTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("table.csv")
        entry.size = len(TABLE)
        archive.addfile(entry, io.BytesIO(TABLE))
    (finding,) = datasets.add(path).profile.findings
    assert finding.count == 3 and "link.csv (a link)" in finding.message and "pipe.csv (no file)" in finding.message

    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("table.csv", TABLE + b"More,praise\n")
    assert codes(datasets.add(tmp_path / "b.zip")) == ["files-left-out"]


def test_an_archive_that_unpacks_to_too_much_is_stopped(settings: Settings, tmp_path: Path) -> None:
    small = DatasetStore(settings.model_copy(update={"max_upload_bytes": 1_000_000}))
    bomb = zipped({"a.csv": b"text,label\n" + b"a,b\n" * 1_000_000}, tmp_path / "a.zip")
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        small.add(bomb)
    assert small.list() == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"inner.csv": None}, "is packed once more"),
        ({"program.exe": b"MZ\x90"}, "holds no table, text, image or sound"),
        ({}, "holds no table|is a ZIP archive|damaged"),
        ({"a.csv": b""}, "is empty"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    datasets: DatasetStore, tmp_path: Path, files: dict[str, bytes | None], words: str
) -> None:
    inner = zipped({"table.csv": TABLE}, tmp_path / "inner.zip").read_bytes()
    with pytest.raises(DataError, match=words):
        datasets.add(
            zipped({name: inner if content is None else content for name, content in files.items()}, tmp_path / "o.zip")
        )
    assert datasets.list() == []


def test_a_cut_off_archive_is_a_sentence(datasets: DatasetStore, tmp_path: Path) -> None:
    whole = zipped({"a.csv": TABLE * 500}, tmp_path / "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged or incomplete archive"):
        datasets.add(tmp_path / "cut.zip")


def test_lines_of_plain_text_are_texts(datasets: DatasetStore, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear team,\n\nthe parcel, which I ordered, came late; why?\nYours, Anna\n", "utf-8")
    dataset = datasets.add(letter)
    assert column(dataset, "text") == ["Dear team,", "the parcel, which I ordered, came late; why?", "Yours, Anna"]
    assert column(dataset, "__row__") == [1, 3, 4]
    assert "plain-text" in codes(dataset)
    table = tmp_path / "table.txt"
    table.write_text("text\tlabel\none two\ta\nthree\tb\n", "utf-8")
    assert column(datasets.add(table), "label") == ["a", "b"]
