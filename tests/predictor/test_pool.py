"""Several adapters share few processes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.errors import ModelError
from autotrain.predictor import PredictorPool


@pytest.fixture
def pool(answerer: tuple[str, ...]) -> Iterator[PredictorPool]:
    made = PredictorPool(max_open=1, program=answerer)
    yield made
    made.close()


@pytest.fixture
def other(artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact, tmp_path / "other-adapter"))


def test_an_adapter_is_kept_until_another_is_asked(
    pool: PredictorPool, artifact: Path, other: Path, model: Path
) -> None:
    first, second = pool.open(artifact, model), pool.open(other, model)
    assert pool.running == []
    assert first.predict([{"text": "four"}])[0].scores["long"] == 4e-6
    first.predict([{"text": "again"}])
    assert pool.running == [artifact]
    second.predict([{"text": "four"}])
    assert pool.running == [other]
    first.predict([{"text": "four"}])
    assert pool.running == [artifact]


def test_two_seats_keep_the_two_asked_last(
    answerer: tuple[str, ...], artifact: Path, other: Path, model: Path, tmp_path: Path
) -> None:
    third = Path(shutil.copytree(artifact, tmp_path / "third-adapter"))
    pool = PredictorPool(max_open=2, program=answerer)
    for adapter in (artifact, other, artifact, third):
        pool.predict(adapter, model, [{"text": "one"}])
    assert pool.running == [artifact, third]
    pool.close()
    assert pool.running == []


def test_released_memory_comes_back_when_an_adapter_is_asked_again(
    pool: PredictorPool, artifact: Path, model: Path
) -> None:
    pool.release()
    pool.predict(artifact, model, [{"text": "one"}])
    pool.release()
    assert pool.running == []
    assert pool.predict(artifact, model, [{"text": "four"}])[0].scores["long"] == 4e-6


def test_nobody_loses_an_answer_while_adapters_take_turns(
    pool: PredictorPool, artifact: Path, other: Path, model: Path
) -> None:
    found: list[float] = []

    def question(adapter: Path, length: int) -> None:
        found.append(pool.predict(adapter, model, [{"text": "x" * length}])[0].scores["long"] * 1e6)

    threads = [
        threading.Thread(target=question, args=((artifact, other)[number % 2], number)) for number in range(1, 13)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(length) for length in found) == list(range(1, 13))
    assert len(pool.running) == 1


def test_a_failed_question_frees_its_seat(pool: PredictorPool, artifact: Path, other: Path, model: Path) -> None:
    with pytest.raises(ModelError):
        pool.predict(artifact, model, [{"text": "die"}])
    assert pool.predict(other, model, [{"text": "four"}])[0].scores["long"] == 4e-6
