"""A finished adapter judged on other rows, by the test evaluation of its own training, in a process of its own."""

from __future__ import annotations

from autotrain.evaluator.again import evaluate_again
from autotrain.evaluator.subject import Subject, subject_of_folder, subject_of_run

__all__ = ["Subject", "evaluate_again", "subject_of_folder", "subject_of_run"]
