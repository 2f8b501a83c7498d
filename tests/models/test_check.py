"""Every model that cannot be tuned is refused before training, with a sentence and a remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autotrain.models.architectures import known, suited
from autotrain.models.catalogue import Catalogue, HubModel, from_hub
from autotrain.models.check import check_folder

TASK = "text-classification"


def codes(folder: Path, task: str = TASK) -> list[str]:
    found = check_folder(folder, task)
    assert all(finding.message.endswith(".") and finding.remedy.endswith(".") for finding in found), found
    return [finding.code for finding in found if finding.severity == "error"]


def configure(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_whole_model_has_no_findings(bert: Path) -> None:
    assert check_folder(bert, TASK) == []


def test_the_starter_model_suits_text_classification(catalogue: Catalogue) -> None:
    assert catalogue.check("all-minilm-l6-v2", TASK) == []


def test_a_folder_that_does_not_exist(tmp_path: Path, catalogue: Catalogue) -> None:
    assert codes(tmp_path / "none") == ["no-folder"]
    (finding,) = catalogue.check(str(tmp_path / "none"), TASK)
    assert finding.code == "no-folder" and "none does not exist" in finding.message and finding.remedy


def test_a_path_to_a_file_is_not_a_folder(bert: Path, catalogue: Catalogue) -> None:
    (finding,) = catalogue.check(str(bert / "config.json"), TASK)
    assert "is a file, not a folder" in finding.message


def test_no_configuration(bert: Path) -> None:
    (bert / "config.json").unlink()
    assert codes(bert) == ["no-config"]


def test_no_weights(bert: Path) -> None:
    (bert / "model.safetensors").unlink()
    assert codes(bert) == ["no-weights"]


def test_pickle_weights_are_refused_with_the_way_out(bert: Path) -> None:
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    assert codes(bert) == ["pickle-weights"]
    assert "save_pretrained" in check_folder(bert, TASK)[0].remedy


def test_gguf_only(bert: Path) -> None:
    (bert / "model.safetensors").rename(bert / "model.Q4.gguf")
    assert codes(bert) == ["gguf-only"]
    (bert / "config.json").unlink()
    assert codes(bert) == ["gguf-only"]


def test_truncated_weights(bert: Path) -> None:
    whole = (bert / "model.safetensors").read_bytes()
    (bert / "model.safetensors").write_bytes(whole[:-10])
    assert codes(bert) == ["bad-weights"]


def test_weights_that_are_a_download_pointer(bert: Path) -> None:
    (bert / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 90868376\n"
    )
    assert codes(bert) == ["bad-weights"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model_type": "t5"}, "encoder-decoder"),
        ({"is_encoder_decoder": True}, "encoder-decoder"),
        ({"model_type": "vit"}, "cannot be used for text classification"),
        ({"model_type": "whisper"}, "cannot be used for text classification"),
        ({"model_type": "layoutlm"}, "cannot be used for text classification"),
        ({"model_type": "brand-new"}, "does not know"),
    ],
)
def test_a_wrong_architecture(bert: Path, changes: dict[str, Any], expected: str) -> None:
    configure(bert, **changes)
    assert codes(bert) == ["wrong-architecture"]
    assert expected in check_folder(bert, TASK)[0].message


def test_no_architecture_at_all(bert: Path) -> None:
    configure(bert, model_type=None)
    assert codes(bert) == ["bad-config"]


def test_a_task_without_a_table_is_not_judged(bert: Path) -> None:
    configure(bert, model_type="vit")
    assert codes(bert, "tabular-regression") == []


def test_remote_code_is_refused(bert: Path) -> None:
    configure(bert, auto_map={"AutoModel": "modeling.Custom"})
    assert codes(bert) == ["remote-code"]


def test_quantised_weights_are_refused(bert: Path) -> None:
    configure(bert, quantization_config={"quant_method": "gptq"})
    assert codes(bert) == ["quantised"]


def test_no_tokenizer(bert: Path) -> None:
    for name in ("tokenizer.json", "vocab.txt"):
        (bert / name).unlink()
    assert codes(bert) == ["no-tokenizer"]


def test_several_problems_are_all_named(bert: Path) -> None:
    configure(bert, model_type="vit")
    (bert / "model.safetensors").unlink()
    shutil.rmtree(bert / "none", ignore_errors=True)
    (bert / "tokenizer.json").unlink()
    (bert / "vocab.txt").unlink()
    assert codes(bert) == ["wrong-architecture", "no-weights", "no-tokenizer"]


def test_an_adapter_names_its_base(bert: Path) -> None:
    (bert / "config.json").unlink()
    (bert / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base"}')
    assert codes(bert) == ["adapter"]
    assert "owner/base" in check_folder(bert, TASK)[0].remedy


def test_a_hub_listing_already_says_much(catalogue: Catalogue) -> None:
    def check(**facts: Any) -> list[str]:
        return [finding.code for finding in catalogue.check(from_hub(HubModel("owner/m", **facts)), TASK)]

    assert check() == []
    assert check(architecture="bert", files=("config.json", "model.safetensors")) == []
    assert check(architecture="vit") == ["wrong-architecture"]
    assert check(files=("config.json", "pytorch_model.bin")) == ["pickle-weights"]
    assert check(files=("model.gguf", "onnx/model.safetensors")) == ["gguf-only"]
    assert check(gated=True) == ["gated"]


def test_the_tables_are_those_of_the_installed_transformers() -> None:
    from transformers.models.auto import modeling_auto

    table = set(modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
    found = suited(TASK)
    assert found is not None and {"bert", "roberta", "modernbert", "llama"} <= found <= table and len(found) > 100
    assert known("bert") and known("vit") and not known("brand-new")
    assert suited("tabular-regression") is None


def test_checking_imports_neither_torch_nor_transformers(bert: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from autotrain.models.check import check_folder;"
        f"assert check_folder(Path(sys.argv[1]), {TASK!r}) == [];"
        "print({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(bert)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
