"""The model card: metadata the Hub reads, and sections a person reads. Pure: values in, Markdown out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from autotrain.hub.licenses import license_metadata
from autotrain.report import Baseline, ClassScore, Report, Score
from autotrain.table import Profile

SHOWN_LABELS = 50
"""Rows of a table a person still reads; the rest is in report.json."""


@dataclass(frozen=True)
class CardFacts:
    """What the card says besides the evaluation. `base_id` is None when the base model is not on the Hub."""

    title: str
    repository: str
    task: str
    pipeline_tag: str
    base_name: str
    base_id: str | None
    base_license: str | None
    columns: Mapping[str, str]
    dataset: str
    recipe: str
    python: str
    """The program that uses the adapter."""
    limits: tuple[str, ...]
    """Sentences that hold for every adapter of its kind."""
    dataset_id: str | None = None
    languages: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """What was done to the rows before they were split, a sentence each."""
    whole: bool = False
    """Whether every weight was trained, so that what lies here is a model of its own and no adapter."""

    @property
    def what(self) -> str:
        """What it is in a word."""
        return "model" if self.whole else "adapter"


def model_card(facts: CardFacts, report: Report, profile: Profile) -> str:
    """The whole README.md. Holds no row of the data, only counts and the names of labels and columns."""
    sections = (
        f"# {escape(facts.title)}",
        _introduction(facts, report),
        _results(facts, report),
        _per_class(report),
        _shortened(report),
        _data(facts, report, profile),
        _usage(facts),
        _training(facts, report),
        _limits(facts, report),
        "## How it was made\n\n"
        f"With AutoTrain Studio: data checked and split, {facts.what} trained and evaluated from the recipe above. "
        f"{_again(facts, report)} `report.json` in this repository holds every figure of this page.",
    )
    body = "\n\n".join(section for section in sections if section)
    return f"---\n{yaml.safe_dump(_metadata(facts, report), sort_keys=False, allow_unicode=True)}---\n\n{body}\n"


def _again(facts: CardFacts, report: Report) -> str:
    if report.training.ended == "asked":
        return (
            "A person ended the training before its last step, so that the recipe alone does not give this "
            f"{facts.what}."
        )
    return f"The same recipe with the same data and seed gives the same {facts.what} on the same kind of machine."


def _metadata(facts: CardFacts, report: Report) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if facts.base_id:
        metadata |= {"base_model": facts.base_id, "base_model_relation": "finetune" if facts.whole else "adapter"}
    metadata |= {"library_name": "transformers" if facts.whole else "peft", "pipeline_tag": facts.pipeline_tag}
    metadata |= license_metadata(facts.base_license)
    if facts.languages:
        metadata["language"] = list(facts.languages)
    if facts.dataset_id:
        metadata["datasets"] = [facts.dataset_id]
    metadata["tags"] = ["autotrain-studio", *([] if facts.whole else ["lora"]), "transformers", facts.task]
    metadata["metrics"] = list(dict.fromkeys(_metric_type(score) for score in report.scores))
    result = {
        "task": {"type": facts.pipeline_tag, "name": facts.pipeline_tag.replace("-", " ").capitalize()},
        "dataset": {"type": facts.dataset_id or "custom", "name": one_line(facts.dataset), "split": "test"},
        "metrics": [_metric(score) for score in report.scores],
    }
    metadata["model-index"] = [{"name": one_line(facts.title), "results": [result]}]
    return metadata


def _metric(score: Score) -> dict[str, Any]:
    metric: dict[str, Any] = {"type": _metric_type(score), "name": score.title, "value": round(score.value, 6)}
    if score.low is not None and score.high is not None:
        metric["args"] = {"confidence_level": 0.95, "low": round(score.low, 6), "high": round(score.high, 6)}
    return metric


def _metric_type(score: Score) -> str:
    """The Hub's name of a metric: macro and weighted F1 are both `f1` there, told apart by their titles."""
    return "f1" if score.name.endswith("f1") else score.name


def _introduction(facts: CardFacts, report: Report) -> str:
    base = f"[{facts.base_id}](https://huggingface.co/{facts.base_id})" if facts.base_id else escape(facts.base_name)
    labels = [item.label for item in report.per_class]
    made = f"{base} with all its weights tuned" if facts.whole else f"A LoRA adapter of {base}"
    what = f"{made} for {facts.task.replace('-', ' ')}"
    if labels:
        what += f" into {len(labels)} classes: {', '.join(code(label) for label in labels[:SHOWN_LABELS])}"
        what += f" and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else ""
    return f"{what}.\n\n**{escape(report.verdict())}**"


def _results(facts: CardFacts, report: Report) -> str:
    rivals = report.baselines
    header = ["Metric", f"This {facts.what}", *(escape(rival.title) for rival in rivals)]
    rows = [
        [escape(score.title), f"**{_with_interval(score)}**", *(_rival_value(rival, score.name) for rival in rivals)]
        for score in report.scores
    ]
    explained = "\n".join(f"- *{escape(rival.title)}*: {escape(rival.explanation)}" for rival in rivals)
    text = (
        f"## Results\n\nOn {report.split.test:,} test rows that took no part in training, with 95 % bootstrap "
        f"intervals in brackets.\n\n{_table(header, rows)}"
    )
    notes = "\n".join(f"- {escape(note)}" for note in report.notes)
    return "\n\n".join(part for part in (text, explained, notes) if part)


def _rival_value(rival: Baseline, name: str) -> str:
    return next((_with_interval(score) for score in rival.scores if score.name == name), "–")


def _with_interval(score: Score) -> str:
    if score.low is None or score.high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def _figures(score: ClassScore) -> list[str]:
    """Precision, recall and F1; without test rows nothing is known, and zeros would be a claim."""
    if not score.support:
        return ["–"] * 3
    return [f"{value:.3f}" for value in (score.precision, score.recall, score.f1)]


def _per_class(report: Report) -> str:
    if not report.per_class:
        return ""
    shown = report.per_class[:SHOWN_LABELS]
    rows = [[code(c.label), *_figures(c), f"{c.support:,}"] for c in shown]
    more = len(report.per_class) - len(shown)
    rest = f"\n\n{more} more classes are in `report.json`." if more else ""
    return f"### Each class\n\n{_table(['Class', 'Precision', 'Recall', 'F1', 'Test rows'], rows)}{rest}"


def _shortened(report: Report) -> str:
    if not report.shortened:
        return ""
    title = escape(report.headline().title)
    rows = [[f"{one.size:,}", _with_interval(one.score), _with_interval(one.untouched)] for one in report.shortened]
    return f"### Shorter vectors\n\n{_table(['First numbers', title, 'Base model'], rows)}"


def _data(facts: CardFacts, report: Report, profile: Profile) -> str:
    split = report.split
    source = (
        f"[{facts.dataset_id}](https://huggingface.co/datasets/{facts.dataset_id})"
        if facts.dataset_id
        else "not published"
    )
    repeated = f"{profile.duplicate_rows:,}" if profile.duplicate_rows else "none"
    lines = [
        f"{code(facts.dataset)} ({source}): {profile.rows:,} rows, {repeated} of them repeated. "
        f"{split.train:,} rows for training, {split.validation:,} for validation, {split.test:,} for the test.",
        "",
    ]
    rows = []
    for role, name in facts.columns.items():
        column = profile.column(name)
        if column is not None:
            length = f"{column.median_length:,.0f} (median), {column.longest:,} (longest)"
            rows.append([role, code(name), column.kind, f"{column.distinct:,}", f"{column.empty:,}", length])
    lines.append(_table(["Role", "Column", "Kind", "Distinct", "Empty", "Characters"], rows))
    balance = _balance(facts, profile)
    done = "\n".join(f"- {escape(sentence)}" for sentence in facts.steps)
    steps = f"Before the split:\n\n{done}" if done else ""
    return "\n\n".join(part for part in ("## Data", "\n".join(lines), balance, steps) if part)


def _balance(facts: CardFacts, profile: Profile) -> str:
    """Rows of the largest and the smallest class; labels are names, not data."""
    column = profile.column(facts.columns.get("label", ""))
    if column is None or len(column.top_values) < 2 or column.distinct > len(column.top_values):
        return ""
    counts = sorted((count for _, count in column.top_values), reverse=True)
    return f"Balance of the classes: {counts[0]:,} rows in the largest, {counts[-1]:,} in the smallest."


def _usage(facts: CardFacts) -> str:
    where = (
        ""
        if facts.base_id or facts.whole
        else (
            f"\n\nThe base model, {escape(facts.base_name)}, is a folder on the author's machine and not on the Hub. "
            "Put its folder's path into `base`."
        )
    )
    return f"## How to use it{where}\n\n```python\n{facts.python}```"


def _training(facts: CardFacts, report: Report) -> str:
    run = report.training
    share = run.trainable_parameters / max(run.total_parameters, 1)
    text = (
        f"## Training\n\n{run.steps:,} steps ({run.epochs:.2f} epochs) in {run.seconds:,.0f} seconds on "
        f"{escape(run.device)}, {run.samples_per_second:,.0f} rows a second. "
        f"{run.trainable_parameters:,} of {run.total_parameters:,} parameters were trained ({share:.1%})."
    )
    text += f" {escape(run.early_end() or '')}".rstrip()
    if run.best_step is not None:
        text += f" The {facts.what} is the one of step {run.best_step:,}, the best on the validation rows."
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall("`+", facts.recipe)), default=0))
    return (
        f"{text}\n\n<details><summary>Recipe</summary>\n\n{fence}yaml\n{facts.recipe.rstrip()}\n{fence}\n\n</details>"
    )


def _limits(facts: CardFacts, report: Report) -> str:
    limits = list(facts.limits)
    weak = sorted((item for item in report.per_class if item.support and item.f1 < 0.5), key=lambda item: item.f1)[:5]
    if weak:
        limits.append(f"It is often wrong about {', '.join(code(item.label) for item in weak)} (F1 below 0.5).")
    untested = [item for item in report.per_class if not item.support][:5]
    if untested:
        limits.append(f"Nothing is known about {', '.join(code(item.label) for item in untested)}: no test rows.")
    rare = [item for item in report.per_class if 0 < item.support < 10]
    if rare:
        count = "One class has" if len(rare) == 1 else f"{len(rare)} classes have"
        limits.append(f"{count} fewer than 10 test rows, so the figures there say little.")
    limits.append(
        f"It inherits what {escape(facts.base_id or facts.base_name)} learned, including its biases, and its licence"
        + (f" ({escape(facts.base_license)})." if facts.base_license else ".")
    )
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def one_line(text: str) -> str:
    """Text from a person without line breaks and control characters: YAML and Markdown differ on them."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def escape(text: str) -> str:
    """Text from a person as Markdown that shows it as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!&])", r"\\\1", one_line(text))


def code(text: str) -> str:
    """A label or a column's name as inline code, which shows anything but needs care with backticks and bars."""
    line = one_line(text).replace("|", "\\|") or " "
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (1 + max(len(ticks) for ticks in re.findall("`+", line)))
    return f"{fence} {line} {fence}"
