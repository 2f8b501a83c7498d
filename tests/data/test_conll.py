"""CoNLL files are read as sentences of words with tags, and nothing else is ever taken for one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autotrain.data.conll import is_conll
from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.store import Dataset, DatasetStore

CONLL2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O
. . O O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
sleeps VBZ B-VP O
in IN B-PP O
Rome NNP B-NP B-LOC
"""
TWO = "Anna\tB-PER\nlives\tO\nin\tO\nRome\tB-LOC\n\nIt\tO\nrains\tO\n"

Put = Callable[..., Dataset]


@pytest.fixture
def put(datasets: DatasetStore, tmp_path: Path) -> Put:
    def write_and_import(content: str | bytes, name: str = "train.txt") -> Dataset:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return datasets.add(path)

    return write_and_import


def test_every_column_becomes_a_list_and_the_names_are_what_is_learned(put: Put) -> None:
    dataset = put(CONLL2003)
    assert dataset.profile.format == "CoNLL"
    assert [(column.name, column.kind) for column in dataset.profile.columns] == [
        ("tokens", "list"),
        ("ner_tags", "list"),
        ("chunk_tags", "list"),
        ("pos_tags", "list"),
    ]
    first = suggestions(dataset.profile)[0]
    columns = {guess.role: guess.column for guess in first.mapping if guess.column}
    assert (first.shape, columns) == ("tagging", {"tokens": "tokens", "tags": "ner_tags"})
    assert SHAPES["tagging"].check(dataset.table(), columns) == []
    rows = list(SHAPES["tagging"].rows(dataset.table(), columns))
    assert [number for number, _ in rows] == [3, 9]
    assert rows[1][1] == {
        "tokens": ["Peter", "Blackburn", "sleeps", "in", "Rome"],
        "tags": ["B-PER", "I-PER", "O", "O", "B-LOC"],
    }


@pytest.mark.parametrize(
    "content",
    [
        TWO,
        TWO.replace("\t", " "),
        TWO.replace("\n", "\r\n"),
        "\ufeff" + TWO,
        TWO.replace("\n\n", "\n\n\n# sent_id = 2\n"),
        "\n" + TWO.rstrip("\n"),
        "".join("\t".join(reversed(line.split("\t"))) + "\n" for line in TWO.splitlines()),
        "1\tAnna\tB-PER\n2\tlives\tO\n3\tin\tO\n4\tRome\tB-LOC\n\n1\tIt\tO\n2\trains\tO\n",
    ],
    ids=["tabs", "spaces", "Windows lines", "mark", "remarks", "no last line end", "tag first", "numbered words"],
)
def test_variants_of_the_format_are_the_same_sentences(put: Put, content: str) -> None:
    rows = put(content).head(10)
    assert [json.loads(row["tokens"]) for row in rows] == [["Anna", "lives", "in", "Rome"], ["It", "rains"]]
    assert [json.loads(row["ner_tags"]) for row in rows] == [["B-PER", "O", "O", "B-LOC"], ["O", "O"]]


def test_a_sentence_with_a_broken_line_is_left_out_and_said(put: Put) -> None:
    dataset = put((TWO + "\n") * 200 + "Bo\tB-PER\nsings\tO\tO\n\n" + TWO)
    (finding,) = [each for each in dataset.profile.findings if each.code == "broken-sentences"]
    assert (finding.count, finding.rows) == (1, (1601,))
    assert dataset.profile.rows == 402


def test_parts_of_speech_are_believed_where_the_name_says_so(put: Put, tmp_path: Path) -> None:
    content = "Anna NNP\nlives VBZ\n\nIt PRP\nrains VBZ\n"
    dataset = put(content, "train.pos")
    assert [column.name for column in dataset.profile.columns] == ["tokens", "pos_tags"]
    assert not is_conll(tmp_path / "train.pos", "train.txt", "utf-8")


@pytest.mark.parametrize(
    "content",
    [
        "text\tlabel\nAnna lives here\tgood\nIt rains\tbad\n\nBo sings\tgood\n",
        "text,label\nB-12 is a vitamin,O\nIt rains,O\n",
        "I like B-movies\n\nVitamin B-12\n",
        "Anna lives in Rome.\n\nIt rains in Oslo.\n",
        "The whole text\tB-PER\n\nAnother text\tO\n\nA third one\tO\n",
        "blood group\tO\n\nblood group\tB-positive\n",
        "a\tO\nb\tO\n\nc\tO\n",
        "word tag\n",
        "",
        "\n\n\n",
        "1,2\n3,4\n\n5,6\n",
    ],
)
def test_texts_and_tables_are_never_taken_for_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "table.tsv"
    path.write_text(content, "utf-8")
    assert not is_conll(path, path.name, "utf-8")


def test_an_archive_of_parts_is_one_table_with_its_split(put: Put) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("train.txt", "valid.txt", "test.txt"):
            archive.writestr(name, CONLL2003)
    dataset = put(packed.getvalue(), "conll2003.zip")
    assert dataset.profile.rows == 6
    assert {row["split"] for row in dataset.head(10)} == {"train", "validation", "test"}
    assert suggestions(dataset.profile)[0].shape == "tagging"
