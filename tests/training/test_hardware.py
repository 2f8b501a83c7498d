"""What the machine is said to be, from real control-group files, a real process and a program that plays nvidia-smi."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autotrain.training.hardware import _visible, accelerators, cpu_count, disk_free, hardware, memory

GIB = 1024**3
TWO_CARDS = ("0, GPU-aa, NVIDIA A, 8192, 8000", "1, GPU-bb, NVIDIA B, 16384, 100")


def group(root: Path, files: dict[str, str], inside: str = "") -> Path:
    """A control group's files on disk."""
    folder = root / inside
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return root


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    membership = tmp_path / "membership"
    membership.write_text("0::/outer/inner\n")
    return membership


def test_it_describes_this_machine() -> None:
    found = hardware()
    assert 1 <= found.cpu_count <= (os.cpu_count() or 1)
    assert 0 < found.memory_available <= found.memory_total
    assert found.devices[0] == found.device
    assert found.cpu_name and f"{found.cpu_count} CPU" in found.title


def test_a_container_without_limits_changes_nothing(tmp_path: Path, version_2: Path) -> None:
    root = group(tmp_path / "cg", {"memory.max": "max\n", "cpu.max": "max 100000\n"})
    assert memory(root, version_2)[0] == hardware().memory_total
    assert cpu_count(root, version_2) == cpu_count(tmp_path / "none", tmp_path / "none")


def test_the_tightest_of_nested_limits_counts(tmp_path: Path, version_2: Path) -> None:
    root = group(tmp_path / "cg", {"memory.max": f"{GIB}\n", "memory.current": "0\n"}, "outer")
    group(
        root,
        {"memory.max": f"{GIB // 4}\n", "memory.current": f"{GIB // 8}\n", "memory.stat": "inactive_file 0\n"},
        "outer/inner",
    )
    assert memory(root, version_2) == (GIB // 4, GIB // 8)


def test_the_file_cache_of_a_container_counts_as_free(tmp_path: Path, version_2: Path) -> None:
    files = {
        "memory.max": f"{GIB // 4}",
        "memory.current": f"{GIB // 4}",
        "memory.stat": f"anon 5\ninactive_file {GIB // 16}\n",
    }
    assert memory(group(tmp_path / "cg", files), version_2) == (GIB // 4, GIB // 16)


def test_version_1_limits_are_read_and_its_no_limit_number_is_understood(tmp_path: Path) -> None:
    membership = tmp_path / "membership"
    membership.write_text("9:name=systemd:/\n4:memory:/on/the/host\n2:cpu,cpuacct:/\n0::/\n")
    root = group(tmp_path / "cg", {"memory.limit_in_bytes": "9223372036854771712"}, "memory")
    assert memory(root, membership)[0] == hardware().memory_total
    group(root, {"memory.limit_in_bytes": str(GIB // 2), "memory.usage_in_bytes": "0"}, "memory")
    group(root, {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"}, "cpu")
    assert memory(root, membership) == (GIB // 2, GIB // 2)
    assert cpu_count(root, membership) == 1


@pytest.mark.parametrize(
    ("quota", "expected"), [("50000 100000", 1), ("100000 100000", 1), ("garbage", None), ("1 0", None)]
)
def test_a_quota_rounds_up_to_whole_processors(
    tmp_path: Path, version_2: Path, quota: str, expected: int | None
) -> None:
    unlimited = cpu_count(tmp_path / "none", tmp_path / "none")
    assert cpu_count(group(tmp_path / "cg", {"cpu.max": quota}), version_2) == (expected or unlimited)


def test_cards_are_numbered_as_cuda_numbers_them() -> None:
    assert [card.name for card in _visible(TWO_CARDS, None)] == ["cuda:0", "cuda:1"]
    chosen = _visible(TWO_CARDS, "1,0")
    assert [(card.name, card.title) for card in chosen] == [("cuda:0", "NVIDIA B"), ("cuda:1", "NVIDIA A")]
    assert [card.title for card in _visible(TWO_CARDS, "GPU-bb")] == ["NVIDIA B"]
    assert [card.title for card in _visible(TWO_CARDS, "0,7,1")] == ["NVIDIA A"]
    assert _visible(TWO_CARDS, "") == _visible(TWO_CARDS, "-1") == ()
    assert _visible(("0, GPU-aa, Card, [N/A], [N/A]", "nonsense"), None) == ()
    assert _visible(TWO_CARDS, None)[0].memory_free == 8000 * 1024**2


@pytest.mark.parametrize("body", ["exit 9", "echo nonsense", "echo 0, GPU-aa, NVIDIA A, 8192, 8000"])
def test_cards_are_only_offered_when_torch_could_use_them(tmp_path: Path, body: str) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    code = (
        "from autotrain.training.hardware import accelerators, torch_has_cuda, _nvidia_smi, _visible;"
        "print(torch_has_cuda(), len(accelerators()), len(_visible(_nvidia_smi(__import__('sys').argv[1], 0), None)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(program)],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    seen = 1 if "NVIDIA" in body else 0
    assert answer in (["True", str(seen), str(seen)], ["False", "0", str(seen)])


def test_no_nvidia_smi_means_no_cards(tmp_path: Path) -> None:
    code = "from autotrain.training.hardware import hardware; print(hardware().device)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "cpu"


def test_free_disk_is_known_for_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert disk_free(tmp_path / "not" / "yet") == pytest.approx(disk_free(tmp_path), rel=0.1)


def test_asking_brings_no_torch() -> None:
    code = "import sys; from autotrain.training.hardware import hardware; hardware(); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
    assert accelerators() == accelerators()
