"""How quick supervised fine-tuning on a processor is beside TRL's SFTTrainer, and that it learns the same.

    python -m tests.benchmarks.supervised_fine_tuning SMOLLM2_FOLDER [--repeats 3] [--updates 6] [--threads 2] [--ways]
        [--clock processor]

The same rows of the ChatterBot corpus in the same order, the same adapter with the same start, one process for each
line and repeat, in turns. Rates are medians over repeats; of each the first update, which warms up, is left out. On a
machine that others use, `--threads 1 --clock processor` counts the seconds of the processor that each line had.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.operations import activations, useful

Item = dict[str, Any]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}
ROWS_OF_UPDATE, HELD_OUT, PACK = 8, 24, 512
RATE = 2e-4
SIDES: dict[str, dict[str, Any]] = {
    "TRL, its defaults, LoRA dropout 0.05": {"lora_dropout": 0.05},
    "TRL, fp32, dropout 0, no checkpointing": {"bf16": False, "gradient_checkpointing": False},
    "TRL, the same and packed": {"bf16": False, "gradient_checkpointing": False, "packing": True},
    "AutoTrain Studio": {},
}
OURS = "AutoTrain Studio"
WITHOUT: dict[str, dict[str, Any]] = {
    "AutoTrain Studio, rows padded": {"layout": False},
    "AutoTrain Studio, nothing shared": {"shared": False},
    "AutoTrain Studio, adapters as peft has them": {"fused": False},
    "AutoTrain Studio, scores of the vocabulary whole": {"head": False},
}
"""Each way left out, which `--ways` adds."""


def main() -> None:
    """Everything in turns, then the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--updates", type=int, default=6)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--ways", action="store_true", help="with each acceleration left out in turn")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--one", nargs=2, metavar=("ROWS", "SIDE"), help="one line in this process")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked)))
        return
    sides = [*SIDES, *(WITHOUT if asked.ways else ())]
    for kind in ("with a system prompt", "with nothing alike"):
        found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        for _ in range(asked.repeats):
            for side in sides:
                found[side].append(apart(asked, kind, side))
                print(f"{kind}, {side}: {found[side][-1]['rows_per_second']:.2f} rows/s", file=sys.stderr, flush=True)
        table(kind, found)


def apart(asked: argparse.Namespace, kind: str, side: str) -> dict[str, Any]:
    """One line in a process of its own, with its peak of resident memory."""
    command = [sys.executable, "-m", "tests.benchmarks.supervised_fine_tuning", str(asked.model)]
    command += ["--updates", str(asked.updates), "--threads", str(asked.threads), "--clock", asked.clock]
    command += ["--one", kind, side]
    threads = {"OMP_NUM_THREADS": str(asked.threads), "TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen(
        command, env=os.environ | threads, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, f"{side} ended with {status}: {said[-500:]}"
    return dict(json.loads(said.splitlines()[-1])) | {"peak": used.ru_maxrss * 1024}


def table(kind: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """The lines of one kind of rows as Markdown."""

    def middle(side: str, name: str) -> float:
        return statistics.median(float(each[name]) for each in found[side])

    ours = found[OURS][0]
    peak = statistics.median(each["gemm"] for each in found[OURS])
    print(f"\nRows {kind}: {ours['tokens']:.0f} tokens and {ours['learned']:.0f} learned ones in a mean row.\n")
    print("| | rows/s | AutoTrain is quicker by | largest difference of a loss | held-out loss | peak memory |")
    print("|---|---|---|---|---|---|")
    for side, each in found.items():
        rate = middle(side, "rows_per_second")
        apart = max(abs(a - b) / b for a, b in zip(each[0]["losses"], ours["losses"], strict=False))
        same = "other batches" if (SIDES | WITHOUT)[side].get("packing") else f"{apart:.1e}"
        print(
            f"| {side} | {rate:.2f} | {middle(OURS, 'rows_per_second') / rate:.1f} | {same} "
            f"| {middle(side, 'held_out'):.4f} | {middle(side, 'peak') / 1e6:,.0f} MB |",
            flush=True,
        )
    share = middle(OURS, "rows_per_second") * ours["useful"] / peak
    counted = statistics.median(each["counted"] for each in found[OURS])
    print(
        f"\nAutoTrain Studio makes {share:.0%} of the {peak / 1e9:.0f} billion operations a second of a plain matrix "
        f"multiplication in the same process, and takes {middle(OURS, 'peak') / counted:.2f} of the counted "
        f"{counted / 1e6:,.0f} MB: interpreter and libraries {ours['runtime'] / 1e6:,.0f}, weights, adapter, optimizer "
        "and what a step keeps."
    )


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """Rates, losses and memory of one training."""
    import torch
    import transformers  # noqa: F401  # what is resident before a model is loaded has it

    (kind, side), model, clock = asked.one, asked.model, CLOCKS[asked.clock]
    torch.set_num_threads(asked.threads)
    before = resident()
    items, held_out = rows_of(model, kind, asked.updates * ROWS_OF_UPDATE)
    run = ours if side.startswith(OURS) else theirs
    speed = gemm(clock)
    trained, losses, seconds, rows = run(model, items, held_out, asked.updates, (SIDES | WITHOUT)[side], clock)
    batches = [items[at : at + ROWS_OF_UPDATE] for at in range(0, len(items), ROWS_OF_UPDATE)]
    return {
        "rows_per_second": rows / seconds,
        "losses": losses,
        "held_out": held_out_loss(trained, held_out),
        "tokens": statistics.mean(len(item["input_ids"]) for item in items),
        "learned": statistics.mean(sum(label != -100 for label in item["labels"]) for item in items),
        "useful": statistics.mean(useful(trained, batch) for batch in batches) / ROWS_OF_UPDATE,
        "gemm": max(speed, gemm(clock)),
        "runtime": before,
        "counted": before + held(trained) + max(activations(trained, batch) for batch in batches),
    }


def rows_of(model: Path, kind: str, count: int) -> tuple[list[Item], list[Item]]:
    """Rows to learn from and others, encoded by the model's own template; without what all begin with if wished."""
    from autotrain.encoding.chat import Encoded
    from autotrain.encoding.lessons import Passed, lessons
    from autotrain.models.loading import load_tokenizer
    from autotrain.training.language import causal_item
    from tests.training.talk import exchanges

    said = [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": reply}]}
        for asked, reply in exchanges(reply=range(3, 400))
    ]
    random.Random(0).shuffle(said)
    made = lessons("chat", load_tokenizer(model), list(enumerate(said[: count + HELD_OUT])), 256, None, Passed())
    items = [causal_item(each) for _, lesson in made for each in lesson if isinstance(each, Encoded)]
    if kind == "with nothing alike":
        alike = len(os.path.commonprefix([item["input_ids"] for item in items]))
        items = [{"input_ids": item["input_ids"][alike:], "labels": item["labels"][alike:]} for item in items]
        for item in items:
            item["labels"][0] = -100
    return items[HELD_OUT:], items[:HELD_OUT]


def tuned(model: Path, params: Any) -> tuple[Any, Any]:
    """The base with its adapter, and the tokenizer; the same start wherever it is called."""
    import torch

    from autotrain.models.loading import load_causal, load_tokenizer
    from autotrain.models.lora import add_lora

    tokenizer = load_tokenizer(model)
    torch.manual_seed(0)
    return add_lora(load_causal(model, tokenizer), params, kind="CAUSAL_LM"), tokenizer


def ours(
    model: Path, items: list[Item], held_out: list[Item], updates: int, without: dict[str, Any], clock: Clock
) -> tuple[Any, list[float], float, float]:
    """The loop as the task has it, with its own comparison of ways before; each of them can be left out."""
    from autotrain.models.speed import head, lora
    from autotrain.training.fit import Objective, Rows, fit
    from autotrain.training.language import told_metrics
    from autotrain.training.next_token import next_token_step
    from autotrain.training.packing import CausalCollator, LayoutCollator
    from autotrain.training.ways import examples_of, quickest
    from tests.training.learned import Ear, Learned

    times: list[float] = []

    class Timed(Ear):
        def emit(self, event: Any) -> None:
            super().emit(event)
            if event.kind == "metric" and "loss" in event.values:
                times.append(clock())

    with tempfile.TemporaryDirectory() as folder:
        ear = Timed()
        run = Learned("supervised-fine-tuning", {"messages": "messages"}, Path(folder), model, settings(updates))
        attempt = run.given(1, ear)
        assert attempt.params is not None
        params: Any = attempt.params
        learner, tokenizer = tuned(model, params)
        ways = quickest(attempt, params, learner, examples_of(items), tokenizer.pad_token_id)
        assert ways.layout and ways.shared and ways.fused, [event for event in ear.told if event.kind == "log"]
        if not without.get("fused", True):
            lora.unfuse(learner)
        if not without.get("head", True):
            head._KNOWN[learner] = False
        collator: Any = LayoutCollator(shared=without.get("shared", True))
        if not without.get("layout", True):
            collator = CausalCollator(tokenizer.pad_token_id)
        objective = Objective(collator, None, told_metrics, "eval_perplexity", step=next_token_step, by_tokens=True)
        fit(attempt, params, learner, Rows(items), Rows(held_out[:2]), objective)
    losses = [values["loss"] for _, values in sorted(ear.curve().items()) if "loss" in values]
    return learner, losses, times[-1] - times[0], (updates - 1) * ROWS_OF_UPDATE


def settings(updates: int) -> dict[str, Any]:
    """As TRL's own, where it has any."""
    return {
        "num_train_epochs": 1,
        "max_steps": updates,
        "learning_rate": RATE,
        "per_device_train_batch_size": ROWS_OF_UPDATE,
        "lora_r": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.0,
        "warmup_ratio": 0.0,
        "weight_decay": 0.0,
        "max_length": 256,
        "evaluations_per_epoch": 1,
    }


def theirs(
    model: Path, items: list[Item], _: list[Item], updates: int, options: dict[str, Any], clock: Clock
) -> tuple[Any, list[float], float, float]:
    """TRL's trainer on the rows in the order that ours has."""
    from datasets import Dataset
    from torch.utils.data import SequentialSampler
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from autotrain.tasks.supervised_fine_tuning import Params
    from autotrain.training.fit import Update

    wished = dict(options)
    params = Params(**settings(updates) | {"lora_dropout": wished.pop("lora_dropout", 0.0)})
    learner, tokenizer = tuned(model, params)
    lengths = [len(item["input_ids"]) for item in items]
    order = list(Update.spread(ROWS_OF_UPDATE, 1, ROWS_OF_UPDATE).sampler(lengths, params.seed, mixed=True))
    ordered = [items[place] for place in order]
    table = Dataset.from_list(
        [
            {"input_ids": one["input_ids"], "completion_mask": [int(label != -100) for label in one["labels"]]}
            for one in ordered
        ]
    )
    packed = wished.get("packing", False)
    times: list[float] = []

    class Timed(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(clock())

    class InOrder(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            folder,
            num_train_epochs=1,
            max_steps=-1 if packed else updates,
            learning_rate=RATE,
            max_length=PACK,
            per_device_train_batch_size=1 if packed else ROWS_OF_UPDATE,
            completion_only_loss=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            **wished,
        )
        trainer = InOrder(learner, config, train_dataset=table, processing_class=tokenizer, callbacks=[Timed()])
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    rows = len(items) - ROWS_OF_UPDATE
    if packed:  # the first pack has the longest rows, so that tokens are counted
        rows = (sum(lengths) - len(trainer.train_dataset[0]["input_ids"])) / statistics.mean(lengths)
    return trainer.model, losses, times[-1] - times[0], rows


def held_out_loss(model: Any, items: Sequence[Item]) -> float:
    """The mean over learned tokens of rows that nobody learned from, row by row as transformers has it."""
    import torch

    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for item in items:
            ids, labels = torch.tensor([item["input_ids"]]), torch.tensor([item["labels"]])
            learned = int((labels != -100).sum())
            total += float(model(input_ids=ids, labels=labels).loss) * learned
            count += learned
    return total / count


def gemm(clock: Clock) -> float:
    """Operations a second of a plain multiplication, the best of five."""
    import torch

    matrix, best = torch.rand(2048, 2048), 0.0
    for _ in range(5):
        before = clock()
        matrix @ matrix
        best = max(best, 2 * 2048**3 / (clock() - before))
    return best


def held(model: Any) -> int:
    """Bytes of all weights, and of gradient and two moments of what is trained."""
    parts = [(part.numel() * part.element_size(), part.requires_grad) for part in model.parameters()]
    return sum(size * (4 if trained else 1) for size, trained in parts)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
