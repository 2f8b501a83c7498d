"""Every task the app offers, in the order the pages show them."""

from __future__ import annotations

from autotrain.task import Task
from autotrain.tasks.text_classification import TextClassification

TASKS: dict[str, Task] = {task.name: task for task in (TextClassification(),)}
