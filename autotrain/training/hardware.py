"""What this machine can give a training: processors, memory, graphics cards, disk. Asked without importing torch."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
SELF_CGROUP = Path("/proc/self/cgroup")

_QUERY = ("--query-gpu=index,uuid,name,memory.total,memory.free", "--format=csv,noheader,nounits")
_MIB = 1024 * 1024
# nvidia-smi takes up to seconds on a card that was asleep, and a form asks after every change.
_SECONDS_TRUSTED = 30


@dataclass(frozen=True)
class Accelerator:
    """One graphics card, named as torch names it. Memory in bytes."""

    name: str
    title: str
    memory_total: int
    memory_free: int


@dataclass(frozen=True)
class Hardware:
    """This machine, as far as this process may use it: affinity and container limits are taken into account."""

    cpu_name: str
    cpu_count: int
    memory_total: int
    memory_available: int
    accelerators: tuple[Accelerator, ...] = ()

    def share(self, slots: int, devices: int = 1) -> Hardware:
        """What one run gets that asks for so many devices, where so many may train at once: the emptiest cards."""
        if self.accelerators:
            emptiest = sorted(self.accelerators, key=lambda card: -card.memory_free)[:devices]
            return replace(self, accelerators=tuple(card for card in self.accelerators if card in emptiest))
        return replace(self, cpu_count=max(1, self.cpu_count // slots))

    @property
    def device(self) -> str:
        """Where a run would compute: `cuda:0` or `cpu`."""
        return self.accelerators[0].name if self.accelerators else "cpu"

    @property
    def devices(self) -> tuple[str, ...]:
        """Every device that computes in one run."""
        return tuple(card.name for card in self.accelerators) or ("cpu",)

    @property
    def memory_for_training(self) -> int:
        """Free memory where the model would lie: on the fullest of the cards, else in the machine."""
        return min((card.memory_free for card in self.accelerators), default=self.memory_available)

    @property
    def title(self) -> str:
        """The machine in one line."""
        cores = "1 CPU core" if self.cpu_count == 1 else f"{self.cpu_count} CPU cores"
        here = f"{cores}, {self.memory_total / 1e9:.0f} GB memory"
        return ", ".join([*(f"{card.title} ({card.memory_total / 1e9:.0f} GB)" for card in self.accelerators), here])


def hardware() -> Hardware:
    """This machine now."""
    total, available = memory()
    return Hardware(
        cpu_name=_cpu_name(),
        cpu_count=cpu_count(),
        memory_total=total,
        memory_available=available,
        accelerators=accelerators(),
    )


def disk_free(path: Path) -> int:
    """Free bytes on the disk where `path` lies or would lie."""
    path = path.expanduser().absolute()
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free


def cpu_count(root: Path = CGROUPS, membership: Path = SELF_CGROUP) -> int:
    """Processors this process may use: its affinity, less what a container's quota takes away."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = (_quota(folder) for folder in _cgroups("cpu", root, membership))
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas if quota is not None)]))


def memory(root: Path = CGROUPS, membership: Path = SELF_CGROUP) -> tuple[int, int]:
    """Total and available memory in bytes, within the limits of every container around this process."""
    machine = psutil.virtual_memory()
    total, available = int(machine.total), int(machine.available)
    for folder in _cgroups("memory", root, membership):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        # Version 1 says "no limit" with a number near 2^63.
        if limit is None or limit >= machine.total:
            continue
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
        # The file cache counts as used but is given back on demand.
        free = limit - used + _reclaimable(folder / "memory.stat")
        total, available = min(total, limit), min(available, max(0, free))
    return total, available


def accelerators() -> tuple[Accelerator, ...]:
    """The NVIDIA cards that the installed torch could use, as nvidia-smi sees them."""
    program = shutil.which("nvidia-smi")
    if program is None or not torch_has_cuda():
        return ()
    lines = _nvidia_smi(program, int(time.monotonic() // _SECONDS_TRUSTED))
    return _visible(lines, os.environ.get("CUDA_VISIBLE_DEVICES"))


def torch_has_cuda() -> bool:
    """Whether the installed torch was built for NVIDIA cards, from its version alone."""
    try:
        return not importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False


@lru_cache(maxsize=4)
def _nvidia_smi(program: str, _moment: int) -> tuple[str, ...]:
    try:
        answer = subprocess.run([program, *_QUERY], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line for line in answer.stdout.splitlines() if line.strip())


def _visible(lines: Sequence[str], wanted: str | None) -> tuple[Accelerator, ...]:
    """The cards of nvidia-smi's lines that CUDA_VISIBLE_DEVICES leaves, in its order and renumbered as CUDA does."""
    cards: dict[str, tuple[str, int, int]] = {}
    names: dict[str, str] = {}
    for line in lines:
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 5 and fields[3].isdigit() and fields[4].isdigit():
            cards[fields[0]] = (fields[2], int(fields[3]) * _MIB, int(fields[4]) * _MIB)
            names |= {fields[0]: fields[0], fields[1]: fields[0]}
    order = list(cards)
    if wanted is not None:
        order = []
        for name in (part.strip() for part in wanted.split(",")):
            if name not in names:  # CUDA ignores everything after the first one it does not know
                break
            order.append(names[name])
    return tuple(Accelerator(f"cuda:{place}", *cards[index]) for place, index in enumerate(order))


def _cgroups(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """The control groups around this process, innermost first, for cgroup versions 1 and 2."""
    try:
        lines = membership.read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and controller not in controllers.split(","):
            continue
        base = root / controller if controllers else root
        inner = base / path.lstrip("/")
        # Inside a container the path is often the host's and not found here; the base is then the container's own.
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(base) and folder.is_dir())


def _quota(folder: Path) -> float | None:
    """Processors' worth of time a control group may use; None without a limit."""
    try:
        quota, _, period = (folder / "cpu.max").read_text("utf-8").strip().partition(" ")
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    allowed, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return allowed / period_us if allowed and period_us and allowed > 0 else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _reclaimable(path: Path) -> int:
    try:
        fields = dict(line.split(" ", 1) for line in path.read_text("utf-8").splitlines() if " " in line)
        return int(fields.get("total_inactive_file") or fields.get("inactive_file") or 0)
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=1)
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine() or "CPU"
