"""Every family's end is learned and heard: whatever pads, wherever, and however many signs end an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autotrain.answers import Sampling
from autotrain.encoding.chat import encode_chat
from autotrain.models.loading import load_causal, load_classifier, load_tokenizer
from autotrain.models.lora import whole
from autotrain.training.fit import IGNORED
from autotrain.training.language import causal_item
from autotrain.training.next_token import next_token_step
from autotrain.training.packing import CausalCollator
from autotrain.training.writing import Writer, end_of_turn, stop_tokens
from tests.training.causal import save_causal

TURNS = [
    [{"role": "user", "content": "Is it red?"}, {"role": "assistant", "content": "Yes."}],
    [{"role": "user", "content": "And the other?"}, {"role": "assistant", "content": "No, that one is blue."}],
    [{"role": "user", "content": "Are you sure of it?"}, {"role": "assistant", "content": "I am."}],
]
TEXTS = [turn["content"] for turns in TURNS for turn in turns]
FAMILIES: dict[str, dict[str, Any]] = {
    "no padding token": {"pad": "none"},
    "the end token pads": {"pad": "end"},
    "a padding token of its own": {"pad": "own"},
    "one the model was not told of": {"pad": "unknown"},
    "padding on the left": {"pad": "end", "side": "left"},
    "the template ends otherwise than the tokenizer says": {"end": "<|endoftext|>", "pad": "none"},
}


def rows_of(tokenizer: Any) -> list[dict[str, Any]]:
    return [causal_item(encode_chat(tokenizer, turns, 96)) for turns in TURNS]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_end_is_learned_and_the_writing_stops_at_it(family: str, tmp_path: Path) -> None:
    model = save_causal(TEXTS, tmp_path, **FAMILIES[family])
    tokenizer = load_tokenizer(model)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    rows, collator = rows_of(tokenizer), CausalCollator(tokenizer.pad_token_id)
    assert all(row["labels"][-1] == end or end in row["labels"] for row in rows), "the end is learned"
    batch = collator(rows)
    learned = batch["labels"] != IGNORED
    assert int((batch["labels"][learned] == end).sum()) == len(rows), "once in each row, and no padding is"
    assert bool((batch["attention_mask"] >= learned).all())
    torch.manual_seed(0)
    tuned = whole(load_causal(model, tokenizer)).train()
    optimizer = torch.optim.AdamW(tuned.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss, _ = next_token_step(tuned, batch)
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.2, "the toy knows its answers"
    writer = Writer(tuned, tokenizer)
    answers = writer.write([writer.asked(turns[:1]) for turns in TURNS], Sampling(max_new_tokens=40))
    assert [one.text for one in answers] == [turns[1]["content"] for turns in TURNS]
    assert all(one.finished and one.tokens < 40 for one in answers)


def test_a_template_tells_its_own_end_however_unusual(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(save_causal(TEXTS, tmp_path, end="<|endoftext|>"))
    model = load_causal(tmp_path, tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|over|>"]})
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", "<|over|>")
    over = tokenizer.convert_tokens_to_ids("<|over|>")
    assert end_of_turn(tokenizer) == over
    model.generation_config.eos_token_id = [7, 9]
    assert {over, 7, 9, tokenizer.eos_token_id} <= stop_tokens(model, tokenizer)
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] + '\n' }}{% endfor %}"
    assert end_of_turn(tokenizer) is None


def test_a_classifier_reads_the_last_word_and_not_the_padding(tmp_path: Path) -> None:
    """The folder's configuration may name another padding token than the rows are filled up with."""
    from transformers import AutoConfig

    save_causal(TEXTS, tmp_path, pad="end", side="left")
    config = AutoConfig.from_pretrained(tmp_path)
    config.pad_token_id = 5
    config.save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    model = load_classifier(tmp_path, ["no", "yes"], tokenizer).eval()
    with torch.inference_mode():
        alone = torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in TEXTS])
        together = model(**tokenizer(TEXTS, return_tensors="pt", padding=True)).logits
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
