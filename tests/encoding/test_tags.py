"""Tags stay with their words, whatever a tokenizer makes of them: byte-level ones, dropped words, cut rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.encoding.tags import IGNORED, encode_tags
from autotrain.models.loading import load_tokenizer
from tests.training.pieces import byte_pieces


@pytest.fixture(scope="module", params=["GPT2Tokenizer", "RobertaTokenizer", "PreTrainedTokenizerFast"])
def byte_level(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A byte-level BPE tokenizer that puts no space before a text, as GPT-2's and RoBERTa's are saved."""
    import transformers

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces = byte_pieces(["Anna lives in Rome"] * 50 + ["lives in Rome"] * 50, special, 400)
    folder: Path = tmp_path_factory.mktemp("byte-level")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text("utf-8").replace("TokenizersBackend", request.param), "utf-8")
    return load_tokenizer(folder)


def test_words_of_a_byte_level_tokenizer_are_read_as_after_a_space(byte_level: Any) -> None:
    made = encode_tags(byte_level, ["Anna", "lives", "in", "Rome"], list("aooc"), {"a": 1, "o": 0, "c": 2}, 64)
    assert byte_level.decode(list(made.input_ids), skip_special_tokens=True) == " Anna lives in Rome"
    assert [label for label in made.labels if label != IGNORED] == [1, 0, 0, 2]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text(max_size=6) | st.sampled_from(["", "\x00", "\u200b", " ", "Rome", "\ufeff"]), max_size=12),
    st.integers(4, 40),
)
def test_no_tag_ever_stands_on_another_word(encoder: Any, byte_level: Any, words: list[str], most: int) -> None:
    for tokenizer in (encoder, byte_level):
        tags = [str(place) for place in range(len(words))]
        made = encode_tags(tokenizer, words, tags, {tag: int(tag) for tag in tags}, most)
        assert len(made.input_ids) == len(made.labels) <= most
        learned = [place for place, label in enumerate(made.labels) if label != IGNORED]
        numbers = [made.labels[place] for place in learned]
        assert numbers == sorted(set(numbers))
        # Each tag's tokens, up to the next tag, are those that its word has alone.
        for place, number in zip(learned, numbers, strict=True):
            alone = encode_tags(tokenizer, [words[number]], ["0"], {"0": 0}, 10**6)
            first = next(at for at, label in enumerate(alone.labels) if label == 0)
            assert made.input_ids[place] == alone.input_ids[first]
