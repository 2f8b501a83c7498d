"""SQuAD's own files: a row for each question, whatever holds the articles, and no question lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autotrain.data.shapes import SHAPES, suggestions
from tests.data.conftest import Importer

CONTEXT = "Rome lies on the Tiber."
TIBER = {"text": "on the Tiber", "answer_start": 10}
PARAGRAPH = {
    "context": CONTEXT,
    "qas": [
        {"id": "a", "question": "Where does Rome lie?", "answers": [TIBER, TIBER], "is_impossible": False},
        {"id": "b", "question": "Who founded it?", "answers": [], "plausible_answers": [TIBER], "is_impossible": True},
    ],
}
ARTICLE = {"title": "Rome", "paragraphs": [PARAGRAPH, PARAGRAPH]}
COLUMNS = {"context": "context", "question": "question", "answers": "answers"}
SPELLED: list[tuple[Any, int]] = [
    ({"version": "v2.0", "data": [ARTICLE, ARTICLE]}, 8),
    ([ARTICLE], 4),
    (ARTICLE, 4),
    ({"data": [PARAGRAPH]}, 2),
]


@pytest.mark.parametrize(("document", "count"), SPELLED)
def test_every_question_is_a_row_wherever_it_is_nested(imported: Importer, document: Any, count: int) -> None:
    dataset = imported(json.dumps(document))
    rows = dataset.head(10)
    assert dataset.profile.rows == count
    assert {(row["id"], row["question"], row["context"]) for row in rows} == {
        ("a", "Where does Rome lie?", CONTEXT),
        ("b", "Who founded it?", CONTEXT),
    }
    first = suggestions(dataset.profile)[0]
    assert (first.shape, first.fits) == ("question-answering", True)
    assert SHAPES["question-answering"].check(dataset.table(), COLUMNS) == []
    read = list(SHAPES["question-answering"].rows(dataset.table(), COLUMNS))
    assert [number for number, _ in read] == list(range(1, count + 1))
    assert [row["answers"] for _, row in read[:2]] == [[(10, "on the Tiber")] * 2, []]
    told = next(finding for finding in dataset.profile.findings if finding.code == "squad")
    assert f"each of the {count} questions is a row" in told.message


@pytest.mark.parametrize(
    "content",
    [
        f"{json.dumps(ARTICLE)}\n{json.dumps(ARTICLE)}\n",
        json.dumps({"data": [ARTICLE, ARTICLE], "score": float("nan")}),
    ],
    ids=["lines", "not strictly JSON"],
)
def test_lines_of_articles_and_lenient_documents_are_read_alike(imported: Importer, content: str) -> None:
    dataset = imported(content)
    assert (dataset.profile.rows, dataset.head(1)[0]["question"]) == (8, "Where does Rome lie?")


def test_other_nested_rows_stay_as_they_are(imported: Importer) -> None:
    rows = [{"title": "a", "paragraphs": ["one", "two"]}, {"title": "b", "paragraphs": []}]
    dataset = imported(json.dumps(rows))
    assert (dataset.profile.rows, dataset.head(1)[0]["paragraphs"]) == (2, '["one","two"]')


def test_answers_may_be_a_list_of_objects_in_a_flat_table(imported: Importer) -> None:
    row = {"context": CONTEXT, "question": "Where?", "answers": [TIBER]}
    dataset = imported(json.dumps([row, row, row | {"answers": []}]))
    assert suggestions(dataset.profile)[0].shape == "question-answering"
    read = [made["answers"] for _, made in SHAPES["question-answering"].rows(dataset.table(), COLUMNS)]
    assert read == [[(10, "on the Tiber")], [(10, "on the Tiber")], []]
