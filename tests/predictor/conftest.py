"""An adapter folder with its manifest, a base model folder, and programs that answer in every way a process can."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluation.conftest import tiny_encoder

__all__ = ["tiny_encoder"]

# Answers by the length of the text, and says in the scores which process answered.
ANSWERER = """
import json, os, sys, time
def say(**body): print(json.dumps(body), flush=True)
def scores(text): return {"kind": "scores", "scores": {"long": len(text) / 1e6, "=short": 1 - len(text) / 1e6}}
say(ready=True)
for line in sys.stdin:
    texts = [one["text"] for one in json.loads(line)["inputs"]]
    if "slow" in texts: time.sleep(0.5)
    if "hang" in texts: time.sleep(600)
    if "die" in texts: print("RuntimeError: the last thing said", file=sys.stderr); sys.exit(3)
    if "kill" in texts: os.kill(os.getpid(), 9)
    if "nonsense" in texts: print("nonsense", flush=True); continue
    if "short" in texts: say(outputs=[]); continue
    if "refuse" in texts: say(error={"code": "out-of-memory", "message": "Memory ran out."}); continue
    say(outputs=[scores(text) for text in texts])
"""


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """The folder of an adapter, as far as the asker looks at it."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "autotrain.json").write_text(json.dumps({"task": "text-classification"}))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a base model, as far as the asker looks at it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """A command that runs the given Python program instead of the real answering process."""

    def write(code: str) -> tuple[str, ...]:
        path = tmp_path / "answerer.py"
        path.write_text(code)
        return sys.executable, str(path)

    return write


@pytest.fixture
def answerer(program: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    """The command of the well-behaved program above."""
    return program(ANSWERER)
