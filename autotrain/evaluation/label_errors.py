"""Labels that are probably wrong: a quick model, asked about rows that it has not seen, is sure of another label.

Confident learning (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068). It takes seconds and torch, so it is done on
demand by a child process: `python -m autotrain.evaluation.label_errors`, a question in and an answer out as JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from autotrain.asking import answer_with, ask
from autotrain.data.check import quoted
from autotrain.data.findings import Rows
from autotrain.data.insight.sampling import spread
from autotrain.errors import DataError
from autotrain.evaluation.baselines import Classes, Encoding, Features, encode_texts
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN, Table

JUDGED_ROWS = 2_000
FOLDS = 5
"""Each row is judged by a model of the other four fifths; a class with fewer rows than this is left out."""
MOST_CLASSES = 100
STRENGTH = 0.01
"""Inverse strength of the regression's penalty, measured on flipped labels of the built-in sample."""
TOKENS = 128
CHARACTERS = 2_000
"""Of a text: more than these tokens hold in any language with an alphabet."""
SECONDS = 180
NAMED = 5


class LabelError(BaseModel):
    """A row whose label is probably wrong, as numbered in the file, and the label a model is sure of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int
    given: str
    suggested: str
    confidence: float = Field(ge=0, le=1)
    text: str


class LabelErrors(BaseModel):
    """The likeliest errors first, out of `judged` rows; and the finding that says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    errors: tuple[LabelError, ...] = ()
    judged: int = 0
    of: int = 0
    findings: tuple[Finding, ...] = ()


def label_errors(table: Table, text: str, label: str, model: Path) -> LabelErrors:
    """Likely label errors among up to 2,000 rows spread over the table, found by a child process.

    Args:
        table: the table.
        text: the column that is read.
        label: the column that is learned.
        model: the folder of an encoder; a sentence encoder does best.

    Raises:
        DataError: too few rows have a label, or the child was stopped.
        ModelError: the folder holds no encoder.
    """
    rows = spread(table, [text, label], JUDGED_ROWS)
    cells = zip(rows[ROW_COLUMN].to_pylist(), rows[text].to_pylist(), rows[label].to_pylist(), strict=True)
    filled = [
        (number, said[:CHARACTERS], name.strip()) for number, said, name in cells if said.strip() and name.strip()
    ]
    often = {name for name, times in Counter(name for *_, name in filled).most_common(MOST_CLASSES) if times >= FOLDS}
    judged = [row for row in filled if row[2] in often]
    if len(often) < 2:
        raise DataError(
            f'"{label}" has fewer than two labels with at least {FOLDS} texts each, so wrong ones cannot be told. '
            "Add rows, or choose another label column.",
            code="too-few-rows",
        )
    found = _by_child(judged, model)
    return LabelErrors(
        errors=found, judged=len(judged), of=len(table.rows), findings=_findings(found, judged, table, label)
    )


def likely_errors(probabilities: NDArray[np.float64], given: Classes) -> list[tuple[int, int, float]]:
    """Places of likely errors, the surest first, with the class that is probably right and its probability.

    A row counts as a class when its probability is at least what rows of that class have on average; where that
    class is the likeliest one and is not the given one, the label is probably wrong.

    Args:
        probabilities: (rows, classes), each row judged by a model that has not seen it.
        given: (rows,) the class numbers as they are; every class has a row.
    """
    classes = probabilities.shape[1]
    usual = np.array([probabilities[given == number, number].mean() for number in range(classes)])
    sure = np.where(probabilities >= usual, probabilities, -1.0)
    best = sure.argmax(axis=1)
    wrong = (sure.max(axis=1) > 0) & (best != given) & (best == probabilities.argmax(axis=1))
    margin = probabilities[np.arange(len(given)), best] - probabilities[np.arange(len(given)), given]
    places = np.flatnonzero(wrong)
    ordered = places[np.argsort(-margin[places], kind="stable")]
    return [(int(place), int(best[place]), float(probabilities[place, best[place]])) for place in ordered]


def out_of_fold(vectors: Features, given: Classes, seed: int = 0) -> NDArray[np.float64]:
    """(rows, classes) probabilities of a logistic regression, for each row by one that has not seen it."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    # Like sentence encoders compare texts: by the angle, so that the penalty means the same for every model.
    centred = vectors - vectors.mean(axis=0)
    scale = np.linalg.norm(centred, axis=1, keepdims=True).clip(min=1e-9) / np.sqrt(centred.shape[1])
    ready = centred / scale
    made = np.zeros((len(given), int(given.max()) + 1))
    for seen, asked in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(ready, given):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is as good for telling errors
            fitted = LogisticRegression(C=STRENGTH, max_iter=200).fit(ready[seen], given[seen])
        made[np.ix_(asked, fitted.classes_)] = fitted.predict_proba(ready[asked])
    return made


def _findings(found: Sequence[LabelError], judged: Sequence[object], table: Table, label: str) -> tuple[Finding, ...]:
    if not found:
        return ()
    rows = Rows()
    for error in sorted(found, key=lambda error: error.row):
        rows.add(error.row)
    shown = ", ".join(f"row {one.row}: {quoted(one.given)}, likely {quoted(one.suggested)}" for one in found[:NAMED])
    among = f"{len(judged):,} rows looked at" + (f" of {len(table.rows):,}" if len(judged) < len(table.rows) else "")
    return (
        Finding(
            severity="warning",
            code="label-errors",
            message=f"{len(found):,} of {among} probably {'has' if len(found) == 1 else 'have'} a wrong "
            f'label in "{label}" ({shown}{" and more" if len(found) > NAMED else ""}).',
            remedy="Read these rows and correct the labels in the file. A quick model may be wrong about them too.",
            column=label,
            count=len(found),
            rows=tuple(error.row for error in found[:20]),
            fix=rows.dropping(),
        ),
    )


def _by_child(judged: Sequence[tuple[int, str, str]], model: Path) -> tuple[LabelError, ...]:
    question = {"model": str(model), "texts": [row[1] for row in judged], "labels": [row[2] for row in judged]}
    found = ask("autotrain.evaluation.label_errors", question, seconds=SECONDS, what="The labels could not be judged")
    return tuple(
        LabelError(row=judged[place][0], given=judged[place][2], suggested=name, confidence=sure, text=judged[place][1])
        for place, name, sure in found
    )


def judge(model: Path, texts: Sequence[str], labels: Sequence[str]) -> list[tuple[int, str, float]]:
    """Places of likely errors with the label that is probably right. Raises ModelError."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    names = sorted(set(labels))
    given = np.array([names.index(label) for label in labels], np.int64)
    vectors = encode_texts(model, texts, Encoding(max_length=TOKENS))
    found = likely_errors(out_of_fold(vectors, given), given)
    return [(place, names[number], round(sure, 4)) for place, number, sure in found]


if __name__ == "__main__":
    answer_with(lambda asked, _: judge(Path(asked["model"]), asked["texts"], asked["labels"]))
