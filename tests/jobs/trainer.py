"""A small trainer with the manners of the real one: `trainer.py RUN_FOLDER FENCE`, its script in `script.json`.

The script says how many steps there are, how long one takes, and what happens at which step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

run, fence = Path(sys.argv[1]), sys.argv[2]
script: dict[str, Any] = json.loads((run / "script.json").read_text())
attempt = run / f"attempt-{fence}"
asked: set[int] = set()
NAN = {"code": "nan", "reason": "The loss is not a number. Lower the learning rate."}


def emit(**event: Any) -> None:
    with (attempt / "events.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\n")


def checkpoint(step: int) -> None:
    folder = attempt / "checkpoints" / f"step-{step}"
    folder.mkdir(parents=True)
    (folder / "COMPLETE").touch()
    emit(kind="checkpoint", step=step, path=str(folder.relative_to(run)))


def end_with_the_lease() -> None:
    while os.read(0, 1):  # not sys.stdin: its lock would be held at exit
        pass
    os._exit(1)


def listen() -> None:
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        if number not in script.get("deaf_to", []):
            signal.signal(number, lambda number, _frame: asked.add(number))
        else:
            signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=end_with_the_lease, daemon=True).start()


def main() -> int:
    listen()
    order = json.loads((attempt / "attempt.json").read_text())
    (attempt / "seen.json").write_text(
        json.dumps({"pid": os.getpid(), "order": order, "environment": dict(os.environ)})
    )
    emit(kind="phase", name="load")
    emit(kind="phase", name="train")
    first = int(Path(order["resume_from"]).name.removeprefix("step-")) if order["resume_from"] else 0
    for step in range(first + 1, script.get("steps", 3) + 1):
        time.sleep(script.get("seconds", 0.05))
        emit(kind="metric", step=step, epoch=step / 10, values={"loss": 1 / step})
        if step in script.get("checkpoints", []):
            checkpoint(step)
        if script.get("die", {}).get(str(step)) is not None and fence in script.get("die_in", [fence]):
            os.kill(os.getpid(), script["die"][str(step)])
        if step == script.get("crash"):
            raise RuntimeError("the crash of this test, with hf_abcdefghijklmnopqrstuvwxyz")
        if step == script.get("fail"):
            emit(kind="failure", **script.get("why", NAN))
            return 1
        if signal.SIGUSR1 in asked:
            asked.discard(signal.SIGUSR1)
            checkpoint(step)
        if signal.SIGTERM in asked:
            checkpoint(step)
            return 75
        if signal.SIGUSR2 in asked:
            break
    emit(kind="outcome", scores={"accuracy": 0.9})
    return 0


sys.exit(main())
