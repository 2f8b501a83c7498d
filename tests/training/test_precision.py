"""Which floats a training computes in: what the device says, kept over a resume, and refused where it cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import BertConfig

from autotrain.errors import ModelError
from autotrain.params import AdapterParams
from autotrain.task import Attempt, Device
from autotrain.training.checkpoint import Moment
from autotrain.training.precision import NARROW, decided
from tests.training.learned import Ear, learned
from tests.training.toy import PARAMS, save_encoder, sentences


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    """An attempt with a base as wide as those that people use."""
    BertConfig(hidden_size=NARROW * 2, num_attention_heads=8).save_pretrained(tmp_path / "base")
    return Attempt(
        model=tmp_path / "base",
        model_name="base",
        data=tmp_path,
        columns={},
        params=AdapterParams(),
        workdir=tmp_path,
        artifact=tmp_path / "adapter",
        resume_from=None,
        sink=Ear(),
        device=Device("cpu", 1),
    )


def test_auto_asks_the_processor_for_its_units_and_no_clock(attempt: Attempt) -> None:
    flags = Path("/proc/cpuinfo").read_text("utf-8")
    found = decided(attempt, AdapterParams())
    assert found.floats == ("bf16" if "amx_bf16" in flags else "fp32")
    assert "AMX" in found.sentence()


def test_a_small_model_stays_with_fp32(attempt: Attempt, tmp_path: Path) -> None:
    BertConfig(hidden_size=NARROW // 2, num_attention_heads=2).save_pretrained(tmp_path / "small")
    assert decided(replace(attempt, model=tmp_path / "small"), AdapterParams()).floats == "fp32"


def test_what_was_wished_is_taken_or_refused(attempt: Attempt) -> None:
    assert decided(attempt, AdapterParams(precision="bf16")).floats == "bf16"
    with pytest.raises(ModelError, match="fp16 needs an NVIDIA.*auto, fp32 or bf16"):
        decided(attempt, AdapterParams(precision="fp16"))


@pytest.mark.parametrize(("kept", "then"), [("bf16", "bf16"), ("fp32", "fp32"), ("fp16", "fp32")])
def test_a_resume_computes_as_before_whatever_the_device_has_now(
    attempt: Attempt, tmp_path: Path, kept: str, then: str
) -> None:
    Moment(8, [0.0], 0, precision=kept).write(tmp_path)  # type: ignore[arg-type]
    found = decided(replace(attempt, resume_from=tmp_path), AdapterParams())
    assert found.floats == then
    if kept == "fp16":
        assert "which this device cannot" in found.sentence()


def test_a_checkpoint_of_an_earlier_version_names_no_precision(tmp_path: Path) -> None:
    (tmp_path / "moment.json").write_text('{"rows": 8, "losses": [0.0], "logged_at": 0}', "utf-8")
    assert Moment.read(tmp_path).precision is None


def test_bf16_rounds_trains_and_resumes_the_same(tmp_path: Path) -> None:
    texts = sentences(tmp_path)
    model = save_encoder([text for text, _ in texts], tmp_path / "encoder")
    rows, columns = [{"text": text, "label": label} for text, label in texts], {"text": "text", "label": "label"}
    params = {**PARAMS, "max_steps": 12}
    run = learned(tmp_path / "run", "text-classification", rows, columns, model, **params, precision="bf16")
    whole, resumed = run.stopped_and_resumed(step=5)
    assert resumed == whole
    ear = Ear()
    run.attempt(20, ear, precision="fp32", max_steps=2)
    assert ear.curve()[1]["loss"] != whole[1]["loss"], "it was computed in other floats"
    assert abs(ear.curve()[1]["loss"] - whole[1]["loss"]) < 0.05
    said = [event.text for event in ear.told if event.kind == "log"]
    assert "Computing in fp32: so it was wished." in said
    assert torch.get_default_dtype() == torch.float32
