"""Tags in other schemes are recognised by how they begin and end names, and become the same names in BIO."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.data.shapes import SHAPES
from autotrain.data.shapes.tagging import legal
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from autotrain.data.tag_schemes import SchemeWatch, to_bio
from tests.data.conftest import Importer

BIO = ["B-PER", "I-PER", "B-PER", "O", "B-LOC", "I-LOC", "I-LOC", "B-ORG", "O"]
WRITTEN = {
    "IOB1": ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-LOC", "I-LOC", "I-ORG", "O"],
    "BIOES": ["B-PER", "E-PER", "S-PER", "O", "B-LOC", "I-LOC", "E-LOC", "S-ORG", "O"],
    "BILOU": ["B-PER", "L-PER", "U-PER", "O", "B-LOC", "I-LOC", "L-LOC", "U-ORG", "O"],
}

sentences = st.lists(st.tuples(st.sampled_from(["", "PER", "LOC"]), st.integers(1, 3)), min_size=1, max_size=8)
"""Names of a kind, or words outside of any, with how many words each has."""


def written(names: list[tuple[str, int]], scheme: str) -> list[str]:
    """A sentence in a scheme, by the scheme's own rules and nothing of the code that is tested."""
    tags: list[str] = []
    for kind, length in names:
        last = tags[-1][2:] if tags else ""
        first, middle, end, single = {"BIOES": "BIES", "BILOU": "BILU", "BIO": "BIIB", "IOB1": "IIII"}[scheme]
        if scheme == "IOB1" and last == kind:
            first = single = "B"
        marks = single if length == 1 else first + middle * (length - 2) + end
        tags += [f"{mark}-{kind}" if kind else "O" for mark in marks]
    return tags


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES", "BILOU"])
@given(names=sentences)
def test_the_same_names_are_marked_in_bio(scheme: str, names: list[tuple[str, int]]) -> None:
    made = to_bio(written(names, scheme))
    assert made == written(names, "BIO") and legal(made) and to_bio(made) == made


@pytest.mark.parametrize("scheme", WRITTEN)
def test_a_table_in_another_scheme_is_named_and_converted_with_one_click(imported: Importer, scheme: str) -> None:
    row = {"tokens": list("abcdefghi"), "tags": WRITTEN[scheme]}
    spaced = {"tokens": " ".join(row["tokens"]), "tags": " ".join(row["tags"])}
    columns = {"tokens": "tokens", "tags": "tags"}
    for each, expected in ((row, json.dumps(BIO).replace(" ", "")), (spaced, " ".join(BIO))):
        dataset = imported("".join(json.dumps(each) + "\n" for _ in range(3)))
        (finding,) = SHAPES["tagging"].check(dataset.table(), columns)
        assert (finding.code, finding.severity) == ("tag-scheme", "error")
        assert scheme in finding.message and finding.fix is not None
        mended = stepped(dataset, STEPS.validate_python([finding.fix.step]))
        assert {cells["tags"] for cells in mended.head(5)} == {expected}
        assert SHAPES["tagging"].check(mended.table(), columns) == []
        assert next(SHAPES["tagging"].rows(mended.table(), columns))[1]["tags"] == BIO


@pytest.mark.parametrize(
    ("rows", "scheme"),
    [
        ([BIO], "BIO"),
        ([["B-PER", "O"], ["I-PER"]], "BIO"),  # one wrong row makes no scheme
        ([["NN", "VB"], ["I-PER"]], None),
        ([["O", "O"]], None),
        ([["I-PER", "I-PER", "O"]], "IOB1"),
        ([["S-PER", "O"]], "BIOES"),
    ],
)
def test_the_scheme_is_that_of_all_rows_together(rows: list[list[str]], scheme: str | None) -> None:
    watch = SchemeWatch()
    for row in rows:
        watch.see(row)
    assert watch.scheme == scheme
