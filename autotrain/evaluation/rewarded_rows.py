"""Whether the chosen rewards can be earned on the rows of a table, said before a second of training."""

from __future__ import annotations

from collections.abc import Mapping

from autotrain.data.check import cells_of
from autotrain.data.shapes.shape import Faults
from autotrain.evaluation.final_number import final_number
from autotrain.evaluation.rewards import RewardParams, answer_faults, reward_faults
from autotrain.events import Finding
from autotrain.table import Table

_FAULTS = {
    "no-answer": (
        "no right answer, so that nothing can be compared with it.",
        "Write it, or leave the row out; or reward only the form of an answer, by a pattern, JSON or a length.",
    ),
    "no-number": (
        'a right answer without a number, so that the reward "Number" cannot be earned.',
        'Correct it, or leave the row out; or set "Number: weight" to 0 and compare word by word.',
    ),
}
SHOWN = 60
"""Characters of a cell in a sentence."""


def row_findings(table: Table, columns: Mapping[str, str], params: RewardParams) -> list[Finding]:
    """Everything that keeps the rewards from being computed or earned."""
    found, compared = reward_faults(params), answer_faults(params)
    if not compared:
        return found
    if not columns.get("answer"):
        names = " and ".join(f'"{name}"' for name in compared)
        return [
            *found,
            Finding(
                severity="error",
                code="no-answer-column",
                message=f"{names} {'needs' if len(compared) == 1 else 'need'} a right answer to compare with, "
                "but no column is chosen for it.",
                remedy="Choose the column with the right answers, or reward the form: a pattern, JSON or a length.",
            ),
        ]
    return [*found, *_rows(table, columns["answer"], params)]


def _rows(table: Table, column: str, params: RewardParams) -> list[Finding]:
    faults, example = Faults(_FAULTS), ""
    for number, (cell,) in cells_of(table, column):
        fault = None if cell.strip() else "no-answer"
        if fault is None and params.number_weight and final_number(cell) is None:
            fault, example = "no-number", example or cell.strip()
        faults.note(number, fault)
    shown = example if len(example) <= SHOWN else f"{example[: SHOWN - 1]}…"
    return [
        finding.model_copy(update={"message": f'{finding.message[:-1]}: "{shown}" for one.'})
        if finding.code == "no-number"
        else finding
        for finding in faults.findings(column)
    ]
