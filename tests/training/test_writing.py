"""A causal model that writes: alone or in a batch the same, heard as it writes, and never beyond what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autotrain.answers import Sampling
from autotrain.models.loading import load_causal, load_tokenizer
from autotrain.training.writing import Writer

GREEDY = Sampling(max_new_tokens=6)


@pytest.fixture(scope="module")
def writer(causal: Path) -> Writer:
    tokenizer = load_tokenizer(causal)
    return Writer(load_causal(causal, tokenizer), tokenizer, chat=False)


def test_a_batch_writes_what_each_prompt_would_alone(writer: Writer) -> None:
    prompts = [[9, 8, 7], [30, 31, 32, 33, 34, 35, 36], [100], [5, 6] * 60]
    shares: list[float] = []
    together = writer.write(prompts, GREEDY, progressed=shares.append)
    assert together == [writer.write([prompt], GREEDY)[0] for prompt in prompts]
    assert all(each.tokens <= 6 and each.finished == (each.tokens < 6) for each in together)
    assert shares == [1.0]


def test_a_text_is_heard_as_it_is_written_and_drawn_by_its_seed(writer: Writer) -> None:
    heard: list[str] = []
    (answer,) = writer.write([[9, 8, 7]], GREEDY, heard.append)
    assert "".join(heard).strip() == answer.text.strip()
    drawn = [writer.write([[9]], Sampling(max_new_tokens=6, temperature=2, seed=seed))[0].text for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_is_not_drawn_leaves_the_chances_of_a_training_alone(writer: Writer) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    writer.write([[9, 8]], GREEDY)
    assert torch.equal(torch.rand(4), expected)
