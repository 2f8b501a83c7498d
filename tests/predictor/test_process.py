"""One answering process: lazily started, shared by threads, ended when idle, and plain about every way to fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from autotrain.answers import Scores
from autotrain.errors import DataError, ModelError
from autotrain.predictor import AdapterProcess
from autotrain.predictor.process import child_environment

Program = Callable[[str], tuple[str, ...]]


@pytest.fixture
def process(artifact: Path, model: Path, answerer: tuple[str, ...]) -> Iterator[AdapterProcess]:
    with AdapterProcess(artifact, model, program=answerer) as made:
        yield made


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait, at most half a minute."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def ask(process: AdapterProcess, *texts: str) -> list[Scores]:
    answers = process.predict([{"text": text} for text in texts])
    return [answer for answer in answers if isinstance(answer, Scores)]


def test_it_starts_with_the_first_question_and_answers_in_order(process: AdapterProcess) -> None:
    assert not process.running
    assert process.predict([]) == []
    assert not process.running
    answers = ask(process, "four", "x" * 100_000, "äöü\n\u2028“")
    assert [answer.scores["long"] for answer in answers] == [4e-6, 0.1, 6e-6]
    pid = process.pid
    ask(process, "again")
    assert process.pid == pid


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_an_empty_text_is_answered_with_a_sentence(process: AdapterProcess, text: str) -> None:
    with pytest.raises(DataError, match="The text is empty. Type or paste something first."):
        ask(process, text)
    with pytest.raises(DataError, match="Input 2 has an empty text"):
        ask(process, "full", text)


def test_it_ends_when_idle_and_comes_back(artifact: Path, model: Path, answerer: tuple[str, ...]) -> None:
    with AdapterProcess(artifact, model, idle_seconds=0.2, program=answerer) as process:
        ask(process, "one")
        first = process.pid
        assert first is not None
        wait_until(lambda: not process.running and not psutil.pid_exists(first))
        assert ask(process, "two")
        assert process.pid != first


def test_idleness_is_counted_from_the_last_answer(artifact: Path, model: Path, answerer: tuple[str, ...]) -> None:
    with AdapterProcess(artifact, model, idle_seconds=0.2, program=answerer) as process:
        ask(process, "one")
        pid = process.pid
        ask(process, "slow")  # takes longer than the idle time
        assert process.pid == pid


def test_threads_share_one_process_and_each_gets_its_own_answer(process: AdapterProcess) -> None:
    found: dict[int, float] = {}

    def question(length: int) -> None:
        found[length] = ask(process, "x" * length)[0].scores["long"]

    threads = [threading.Thread(target=question, args=(length,)) for length in range(1, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {length: length / 1e6 for length in range(1, 30)}


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("kill", "out-of-memory", "was killed, most likely because the machine ran out of memory"),
        ("die", "predictor-died", "status 3: RuntimeError: the last thing said"),
        ("nonsense", "predictor-protocol", "Ask again"),
        ("short", "predictor-protocol", "Ask again"),
        ("refuse", "out-of-memory", "Memory ran out."),
    ],
)
def test_a_failed_question_is_a_sentence_and_the_next_one_is_answered(
    process: AdapterProcess, text: str, code: str, sentence: str
) -> None:
    with pytest.raises(ModelError, match=sentence) as caught:
        ask(process, text)
    assert caught.value.code == code
    assert ask(process, "four")[0].scores["long"] == 4e-6


def test_a_process_killed_between_two_questions_is_replaced(process: AdapterProcess) -> None:
    ask(process, "one")
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: psutil.Process(first).status() == psutil.STATUS_ZOMBIE)
    assert ask(process, "two")
    assert process.pid != first


def test_no_answer_in_time_ends_the_process(artifact: Path, model: Path, answerer: tuple[str, ...]) -> None:
    with AdapterProcess(artifact, model, answer_seconds=0.3, program=answerer) as process:
        with pytest.raises(ModelError, match="did not answer within 0 seconds. Ask for fewer or shorter texts"):
            ask(process, "hang")
        assert not process.running


def test_a_model_that_never_gets_ready_is_given_up(artifact: Path, model: Path, program: Program) -> None:
    sleeper = program("import time; time.sleep(600)")
    with AdapterProcess(artifact, model, start_seconds=0.3, program=sleeper) as process:
        with pytest.raises(ModelError) as caught:
            ask(process, "one")
        assert caught.value.code == "predictor-timeout"
        assert not process.running


def test_a_base_model_or_an_adapter_that_is_gone_is_named(tmp_path: Path, artifact: Path, model: Path) -> None:
    with pytest.raises(ModelError, match="The base model is not in .*gone any more. Add it again") as caught:
        ask(AdapterProcess(artifact, tmp_path / "gone"), "one")
    assert caught.value.code == "no-base-model"
    with pytest.raises(ModelError, match="holds no finished adapter") as caught:
        ask(AdapterProcess(tmp_path / "gone", model), "one")
    assert caught.value.code == "no-adapter"
    (artifact / "autotrain.json").write_text('{"task": 1}')
    with pytest.raises(ModelError, match="names the task 1"):
        ask(AdapterProcess(artifact, model), "one")
    (artifact / "autotrain.json").write_text("{")
    with pytest.raises(ModelError, match="is damaged"):
        ask(AdapterProcess(artifact, model), "one")


def test_the_real_process_says_why_an_adapter_does_not_load(artifact: Path, model: Path) -> None:
    (artifact / "autotrain.json").write_text('{"task": "mind-reading"}')
    with AdapterProcess(artifact, model) as process:
        with pytest.raises(ModelError, match="trained for 'mind-reading', which this version does not know") as caught:
            ask(process, "one")
        assert caught.value.code == "unknown-task"
        assert not process.running


def test_it_dies_with_its_asker(artifact: Path, model: Path, answerer: tuple[str, ...]) -> None:
    code = f"""
import time
from pathlib import Path
from autotrain.predictor import AdapterProcess
process = AdapterProcess(Path({str(artifact)!r}), Path({str(model)!r}), program={answerer!r})
process.predict([{{"text": "one"}}])
print(process.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        pid = int(asker.stdout.readline())
        child = psutil.Process(pid)
        asker.kill()
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_what_a_library_prints_does_not_break_the_conversation() -> None:
    code = """
import os
from autotrain.predictor import __main__ as answering
from autotrain.predictor.protocol import Answer
replies = answering._private_stdout()
print("a library's greeting", flush=True)
os.write(1, b"and one from C")
answering._send(replies, Answer(ready=True))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout == '{"ready":true}\n'
    assert "greeting" in result.stderr


def test_the_process_gets_no_secret_and_no_way_to_the_hub() -> None:
    found = child_environment(
        {
            "PATH": "/bin",
            "HF_TOKEN": "hf_secret",
            "HUGGING_FACE_HUB_TOKEN": "hf_secret",
            "OPENAI_API_KEY": "secret",
            "AUTOTRAIN_DATABASE_URL": "postgresql://user:secret@host/record",
            "AUTOTRAIN_HOME": "/home/someone/.autotrain",
            "HF_HUB_OFFLINE": "0",
        }
    )
    assert "secret" not in " ".join(found.values())
    assert found["PATH"] == "/bin"
    assert found["AUTOTRAIN_HOME"] == "/home/someone/.autotrain"
    assert found["HF_HUB_OFFLINE"] == "1"


def test_the_asker_imports_no_model_library(artifact: Path, model: Path, answerer: tuple[str, ...]) -> None:
    code = f"""
import sys
from pathlib import Path
from autotrain.predictor import AdapterProcess
with AdapterProcess(Path({str(artifact)!r}), Path({str(model)!r}), program={answerer!r}) as process:
    process.predict([{{"text": "one"}}])
print([name for name in ("torch", "transformers", "peft", "datasets", "numpy") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "[]", result.stderr
