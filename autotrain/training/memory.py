"""When the memory does not suffice: recognised, told with its numbers, and whether half the batch is worth a try."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

from autotrain.events import Failure
from autotrain.training.hardware import memory

ASKED = re.compile(r"tried to allocate (?P<many>[\d.]+) (?P<unit>bytes|[KMGT]iB)", re.IGNORECASE)
UNITS = {"BYTES": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}

CGROUP_EVENTS = Path("/sys/fs/cgroup/memory.events")
HOST_EVENTS = Path("/proc/vmstat")


def is_shortage(error: BaseException) -> bool:
    """Whether this is what torch and Python raise when there is no more memory."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said


def shortage(error: BaseException, device: str, batch: int, *, halved: bool) -> Failure:
    """The trainer's last word: what it held, what it asked for, what there is.

    Args:
        device: where it computed, `cpu` or `cuda:0`.
        batch: rows that go through the model at once.
        halved: whether they are half of the recipe's already.
    """
    held, limit = (_of_card(device) if device.startswith("cuda") else None) or _of_process()
    asked = ASKED.search(str(error))
    more = f"{_gigabytes(float(asked['many']) * UNITS[asked['unit'].upper()])} more" if asked else "more"
    where = "the card" if device.startswith("cuda") else "the machine"
    facts = f"with {batch} rows at once it held {_gigabytes(held)} and asked for {more}; "
    facts += f"{where} has {_gigabytes(limit)}"
    if batch > 1 and not halved:
        return Failure(
            code="oom",
            reason=f"The memory did not suffice: {facts}. The training goes on with {batch // 2} rows at once "
            "and twice as many batches in each step.",
            halve=True,
        )
    tried = " Half the batch did not fit either." if halved else ""
    return Failure(
        code="oom",
        reason=f"The training needs more memory than there is: {facts}.{tried} "
        "Choose a smaller batch, shorter texts or a smaller model and train again.",
    )


def kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory so far: in this container, and on this machine."""
    return sum(_count(path) for path in (CGROUP_EVENTS, HOST_EVENTS))


def _count(path: Path) -> int:
    try:
        found = re.search(r"^oom_kill (\d+)$", path.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _of_process() -> tuple[int, int]:
    """The most this process has held, and what it may hold, in bytes."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    total = memory()[0]
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return held, total if limit == resource.RLIM_INFINITY else min(limit, total)


def _of_card(device: str) -> tuple[int, int] | None:
    try:
        import torch

        return int(torch.cuda.max_memory_allocated(device)), int(torch.cuda.mem_get_info(device)[1])
    except (RuntimeError, AssertionError):  # a card that lost its context has no more to say
        return None


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count < 10e9 else f"{count / 1e9:.0f} GB"
