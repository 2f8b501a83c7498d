"""The answers of a finished run before the judge; what it said is kept in the run's folder."""

from __future__ import annotations

from collections.abc import Callable

from autotrain.errors import JudgeError
from autotrain.judge.pairs import judge_report
from autotrain.judge.place import JudgePlaces
from autotrain.report import Judgement, Report
from autotrain.runs.folder import RunFolder, write_atomically
from autotrain.runs.store import RunStore
from autotrain.settings import Settings


def judge_run(
    run_id: str, store: RunStore, settings: Settings, progress: Callable[[float], None] | None = None
) -> Judgement:
    """Ask the judge about the answers in a run's report, and keep what it says.

    Raises:
        UnknownRun: there is no such run.
        JudgeError: no judge is set up, the run wrote no answers, or the judge cannot be asked.
    """
    run, folder = store.get(run_id), RunFolder(settings.runs / run_id)
    place = JudgePlaces(store, settings).required()
    if not folder.report.is_file():
        raise JudgeError(
            f"Run {run.name!r} has no answers to judge yet. They are there when it is finished.",
            code="nothing-to-judge",
        )
    report = Report.model_validate_json(folder.report.read_text("utf-8"))
    judgement = judge_report(report, place, progress=progress)
    write_atomically(folder.judgement, judgement.model_dump_json(indent=1))
    return judgement


def judgement_of(run_id: str, settings: Settings) -> Judgement | None:
    """What the judge last said of a run; None where it was not asked."""
    path = RunFolder(settings.runs / run_id).judgement
    try:
        return Judgement.model_validate_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
