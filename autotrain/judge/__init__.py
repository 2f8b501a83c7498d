"""Another model as the judge of written answers: which of two is better, asked over any OpenAI-compatible endpoint."""

from __future__ import annotations

from autotrain.judge.pairs import judge_report
from autotrain.judge.place import JudgePlaces, Place
from autotrain.judge.runs import judge_run, judgement_of

__all__ = ["JudgePlaces", "Place", "judge_report", "judge_run", "judgement_of"]
