"""Runs as the record and the disk hold them, made through the record's own protocol."""

from __future__ import annotations

from autotrain.events import AnyEvent, Checkpoint, Log, Metric, Outcome, Phase, Progress
from autotrain.report import (
    Baseline,
    CalibrationBin,
    ClassScore,
    Confusion,
    Example,
    Report,
    Score,
    Split,
    Training,
)
from autotrain.runs.devices import Device
from autotrain.runs.folder import Order, RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.store import NewRun, Run
from autotrain.settings import Settings
from autotrain.table import ColumnProfile, Profile

RECIPE = """\
version: 1
task: text-classification
title: Balanced
model: all-minilm-l6-v2
data:
  source: 0123456789abcdef
  columns: {text: message, label: topic}
"""

LABELS = ("good", "<b>bad</b>")


def queued(store: SqlStore, settings: Settings, run_id: str = "run1", name: str = "messages · Balanced") -> Run:
    """A run that waits, with its folder."""
    folder = RunFolder(settings.runs / run_id)
    folder.data.mkdir(parents=True)
    folder.recipe.write_text(RECIPE, "utf-8")
    new = NewRun(run_id, name, "text-classification", "all-minilm-l6-v2", "messages.csv", RECIPE)
    return store.create(new)


def running(store: SqlStore, settings: Settings, run_id: str = "run1", steps: int = 10) -> int:
    """A run that trains; its fence."""
    queued(store, settings, run_id)
    store.register_devices("here", [Device("cpu:0"), Device("cpu:1"), Device("cpu:2"), Device("cpu:3")])
    fence = store.claim(run_id, "worker", host="here")
    assert fence is not None
    store.move(run_id, fence, "starting", "running")
    attempt = RunFolder(settings.runs / run_id).attempt(fence)
    Order(model=str(settings.models / "none")).write(attempt)
    attempt.log.write_text("first line\nthe token is hf_abcdefghijklmnopqrstuvwxyz0123456789\nlast line\n", "utf-8")
    store.append(run_id, fence, [Phase(name="train"), Log(text="2 rows are truncated", level="warning")])
    train(store, run_id, fence, 1, steps)
    return fence


def train(store: SqlStore, run_id: str, fence: int, first: int, last: int) -> None:
    """Steps `first` to `last` of a training."""
    events: list[AnyEvent] = []
    for step in range(first, last + 1):
        events += [
            Metric(step=step, epoch=step / 10, values={"loss": 1 / step, "learning_rate": 0.001}),
            Progress(step=step, total_steps=100, epoch=step / 10),
        ]
    events.append(Metric(step=last, epoch=last / 10, values={"eval_loss": 0.5, "eval_macro_f1": 0.8}))
    events.append(Checkpoint(step=last, path=f"attempt-{fence}/checkpoints/step-{last}"))
    store.append(run_id, fence, events)


def finished(store: SqlStore, settings: Settings, run_id: str = "run1") -> Report:
    """A run that succeeded, with adapter, profile and report."""
    fence = running(store, settings, run_id)
    folder = RunFolder(settings.runs / run_id)
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").write_bytes(b"weights")
    (folder.adapter / "adapter_config.json").write_text("{}", "utf-8")
    (folder.path / "secret.txt").write_text("not for download", "utf-8")
    (folder.data / "profile.json").write_text(_profile().model_dump_json(), "utf-8")
    (folder.data / "mapping.json").write_text('{"text": "message", "label": "topic"}', "utf-8")
    report = _report()
    folder.report.write_text(report.model_dump_json(), "utf-8")
    baselines = {one.name: {score.name: score.value for score in one.scores} for one in report.baselines}
    store.append(run_id, fence, [Outcome(scores={s.name: s.value for s in report.scores}, baselines=baselines)])
    store.move(run_id, fence, "running", "succeeded", exit_code=0)
    return report


def _profile() -> Profile:
    columns = tuple(
        ColumnProfile(name=name, kind="text", confidence=1, reason="", empty=0, distinct=2)
        for name in ("message", "topic")
    )
    facts = {"size_bytes": 1, "sha256": "0", "encoding": "utf-8", "delimiter": ","}
    return Profile(rows=100, columns=columns, **facts)


def _report() -> Report:
    example = Example(row=7, inputs={"text": "<script>"}, expected="good", predicted="<b>bad</b>", confidence=0.9)
    return Report(
        task="text-classification",
        scores=(
            Score(name="accuracy", title="Accuracy", value=0.9, low=0.85, high=0.95),
            Score(name="macro_f1", title="Macro F1", value=0.88, low=0.8, high=0.93),
        ),
        baselines=(
            Baseline(
                name="majority",
                title="Majority class",
                explanation="It always answers the most frequent label.",
                scores=(Score(name="accuracy", title="Accuracy", value=0.5, low=0.4, high=0.6),),
            ),
        ),
        per_class=tuple(ClassScore(label=label, precision=0.9, recall=0.9, f1=0.9, support=5) for label in LABELS),
        confusion=Confusion(labels=LABELS, counts=((5, 1), (0, 4))),
        calibration=(CalibrationBin(confidence=0.9, accuracy=0.8, count=10),),
        mistakes=(example,),
        examples=(example,),
        split=Split(train=80, validation=10, test=10),
        training=Training(
            steps=10,
            epochs=1.0,
            best_step=10,
            seconds=3.0,
            samples_per_second=26.0,
            trainable_parameters=10,
            total_parameters=100,
            device="cpu",
        ),
    )
