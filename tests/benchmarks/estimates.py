"""How near the estimate before a run comes to the run: predicted and measured seconds and peak memory.

    python -m tests.benchmarks.estimates

Each line is one LoRA training in a process of its own: a plain loop over rows of random length, sorted into batches of
similar length, with the evaluations and forward passes that a run makes. A ratio is measured over predicted: for time,
0.75 to 1.6 is inside the range that the page shows.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from autotrain.models.catalogue import Catalogue
from autotrain.models.costs import Workload
from autotrain.models.estimates import estimate, machine_flops
from autotrain.settings import Settings
from autotrain.training.hardware import hardware

MODEL = "all-minilm-l6-v2"
WORKS = (
    Workload(1600, 200, 200, 12, 32, epochs=2, batch_size=32),
    Workload(800, 100, 100, 40, 128, epochs=2, batch_size=16),
    Workload(480, 60, 60, 100, 128, epochs=2, batch_size=32),
    Workload(400, 50, 50, 12, 32, epochs=2, batch_size=4),
)


def main() -> None:
    """Predict, run and compare each workload."""
    machine = hardware()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        flops = machine_flops(settings, machine)
        entry = Catalogue(settings).resolve(MODEL)
    print(f"{machine.title}; {flops / 1e9:.0f} billion operations/s")
    for work in WORKS:
        expected = estimate(entry, work, machine, flops)
        assert expected is not None
        command = [sys.executable, "-m", "tests.benchmarks.estimates", str(entry.path), json.dumps(asdict(work))]
        start = time.perf_counter()
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds = time.perf_counter() - start
        peak = int(output.split()[-1])
        print(
            f"{work.train_rows} rows x {work.mean_tokens:.0f} tokens, batch {work.batch_size}: "
            f"time {seconds:.0f} s of {expected.seconds:.0f} s ({seconds / expected.seconds:.2f}), "
            f"memory {peak / 1e6:.0f} MB of {expected.memory_bytes / 1e6:.0f} MB ({peak / expected.memory_bytes:.2f})"
        )


def train(model_folder: str, work: Workload) -> None:
    """The training that was predicted."""
    import torch
    from peft import LoraConfig, get_peft_model
    from sklearn.linear_model import LogisticRegression  # noqa: F401  a run has it in memory too
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(hardware().cpu_count)
    base = AutoModelForSequenceClassification.from_pretrained(model_folder, num_labels=4)
    lora = LoraConfig(r=work.lora_rank, target_modules="all-linear", task_type="SEQ_CLS")
    model = get_peft_model(base, lora)
    optimiser = torch.optim.AdamW((weight for weight in model.parameters() if weight.requires_grad), lr=1e-4)

    def batches(rows: int) -> list[dict[str, torch.Tensor]]:
        lengths = sorted(_lengths(rows, work))
        made = []
        for first in range(0, rows, work.batch_size):
            part = lengths[first : first + work.batch_size]
            ids = torch.randint(5, 1000, (len(part), part[-1]))
            made.append({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
        return made

    for _ in range(int(work.epochs)):
        model.train()
        for batch in batches(work.train_rows):
            labels = torch.randint(0, 4, (len(batch["input_ids"]),))
            model(**batch, labels=labels).loss.backward()
            optimiser.step()
            optimiser.zero_grad()
        _evaluate(model, batches(work.validation_rows))
    _evaluate(model, batches(work.test_rows) + batches(work.train_rows + work.test_rows))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _evaluate(model: object, batches: list[dict[str, object]]) -> None:
    import torch

    model.eval()  # type: ignore[attr-defined]
    with torch.no_grad():
        for batch in batches:
            model(**batch)  # type: ignore[operator]


def _lengths(rows: int, work: Workload) -> list[int]:
    """Lengths around the mean, one of them the longest."""
    numbers = random.Random(0)
    drawn = [
        min(work.longest_tokens, max(3, round(numbers.gauss(work.mean_tokens, 0.3 * work.mean_tokens))))
        for _ in range(rows)
    ]
    return [*drawn[1:], work.longest_tokens]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        train(sys.argv[1], Workload(**json.loads(sys.argv[2])))
    else:
        main()
