"""Of every family's template exactly the assistant's words and the sign that ends them are learned, token by token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotrain.encoding.chat import encode_chat
from autotrain.encoding.template import render
from autotrain.errors import DataError
from tests.encoding.families import FAMILIES, QWEN25_SYSTEM

Make = Callable[[str], Any]

SYSTEM = {"role": "system", "content": "be brief and kind."}
ASKED = {"role": "user", "content": "where is paris?"}
SAID = {"role": "assistant", "content": "paris is in france."}
MORE = {"role": "user", "content": "and rome?"}
LAST = {"role": "assistant", "content": "rome is in italy."}
TURNS = [SYSTEM, ASKED, SAID, MORE, LAST]

CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "rome"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALLED = [
    {"role": "user", "content": "what is the weather in rome?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "21", "name": "weather"},
    {"role": "assistant", "content": "it is sunny, 21 degrees."},
]

# The whole text by hand, parted where learning begins and ends: every second part is learned.
CHATML = [
    "<|im_start|>system\nbe brief and kind.<|im_end|>\n<|im_start|>user\nwhere is paris?<|im_end|>\n"
    "<|im_start|>assistant\n",
    "paris is in france.<|im_end|>",
    "\n<|im_start|>user\nand rome?<|im_end|>\n<|im_start|>assistant\n",
    "rome is in italy.<|im_end|>",
    "\n",
]
BY_HAND = {
    "smollm2": CHATML,
    "qwen-2.5": CHATML,
    # Its template takes the thoughts out of earlier answers, which then begin otherwise than they were asked for.
    "qwen-3": [
        "".join(CHATML[:3]),
        "<think>\n\n</think>\n\nrome is in italy.<|im_end|>",
        "\n",
    ],
    "llama-3": [
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nbe brief and kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nwhere is paris?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "paris is in france.<|eot_id|>",
        "<|start_header_id|>user<|end_header_id|>\n\nand rome?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "rome is in italy.<|eot_id|>",
    ],
    "gemma": [
        "<bos><start_of_turn>user\nbe brief and kind.\n\nwhere is paris?<end_of_turn>\n<start_of_turn>model\n",
        "paris is in france.<end_of_turn>",
        "\n<start_of_turn>user\nand rome?<end_of_turn>\n<start_of_turn>model\n",
        "rome is in italy.<end_of_turn>",
        "\n",
    ],
    "mistral": [
        "<s>[INST] be brief and kind.\n\nwhere is paris? [/INST]",
        "paris is in france.</s>",
        "[INST] and rome? [/INST]",
        "rome is in italy.</s>",
    ],
    "phi-3": [
        "<|system|>\nbe brief and kind.<|end|>\n<|user|>\nwhere is paris?<|end|>\n<|assistant|>\n",
        "paris is in france.<|end|>",
        "\n<|user|>\nand rome?<|end|>\n<|assistant|>\n",
        "rome is in italy.<|end|>",
        "\n<|endoftext|>",
    ],
    "home-made": [
        "system:\nbe brief and kind.\nuser:\nwhere is paris?\nassistant:\n",
        "paris is in france.",
        "\nuser:\nand rome?\nassistant:\n",
        "rome is in italy.\n</s>",
    ],
}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The tokenizer of a family."""
    return lambda name: FAMILIES[name].tokenizer(tmp_path / name)


def assert_learned(tokenizer: Any, turns: list[Any], parts: list[str], tools: list[Any] | None = None) -> None:
    """The text is these parts, and every token of every second part is learned, and no other one."""
    text = render(tokenizer, turns, tools or [])
    assert text == "".join(parts)
    encoded = encode_chat(tokenizer, turns, 10_000, tools or [])
    plain = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert list(encoded.input_ids) == plain["input_ids"]
    ends = [len("".join(parts[: number + 1])) for number in range(len(parts))]
    for (begin, end), learned in zip(plain["offset_mapping"], encoded.learned, strict=True):
        place = next(number for number, limit in enumerate(ends) if begin < limit)
        assert end <= ends[place], f"the token {text[begin:end]!r} lies across the edge of what is learned"
        assert learned == (place % 2 == 1), text[begin:end]


@pytest.mark.parametrize("family", list(BY_HAND))
def test_of_many_turns_the_answers_and_their_ends_are_learned(make: Make, family: str) -> None:
    assert_learned(make(family), TURNS, BY_HAND[family])


@pytest.mark.parametrize("family", ["smollm2", "qwen-2.5", "qwen-3", "llama-3", "gemma", "mistral", "phi-3"])
def test_a_single_answer_without_a_system_turn_is_learned_whole(make: Make, family: str) -> None:
    tokenizer = make(family)
    begun = {
        "smollm2": "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, "
        "trained by Hugging Face<|im_end|>\n",
        "qwen-2.5": f"<|im_start|>system\n{QWEN25_SYSTEM}<|im_end|>\n",
    }.get(family, "")
    parts = [part.replace("be brief and kind.\n\n", "") for part in BY_HAND[family]]
    for turn in ("<|im_start|>system\n", "<|start_header_id|>system<|end_header_id|>\n\n", "<|system|>\n"):
        for sign in ("<|im_end|>\n", "<|eot_id|>", "<|end|>\n"):
            parts[0] = parts[0].replace(f"{turn}be brief and kind.{sign}", begun)
    if family == "qwen-3":
        asked = "<|im_start|>user\nwhere is paris?<|im_end|>\n<|im_start|>assistant\n"
        parts = [asked, "<think>\n\n</think>\n\nparis is in france.<|im_end|>", "\n"]
    elif len(parts) == 5:
        parts = [*parts[:2], parts[4]]
    else:
        parts = parts[:2]
    assert_learned(tokenizer, [ASKED, SAID], parts)


def test_thoughts_are_learned_where_the_template_keeps_them(make: Make) -> None:
    tokenizer = make("qwen-3")
    thought = {"role": "assistant", "content": "rome is in italy.", "reasoning_content": "it is brief."}
    asked = "<|im_start|>user\nwhere is paris?<|im_end|>\n<|im_start|>assistant\n"
    kept = "<think>\nit is brief.\n</think>\n\nrome is in italy.<|im_end|>"
    assert_learned(tokenizer, [ASKED, thought], [asked, kept, "\n"])
    written = {"role": "assistant", "content": "<think>\nit is brief.\n</think>\n\nrome is in italy."}
    assert_learned(tokenizer, [ASKED, written], [asked, kept, "\n"])
    before = "<|im_start|>assistant\nrome is in italy.<|im_end|>\n<|im_start|>user\nand rome?<|im_end|>\n"
    assert_learned(
        tokenizer,
        [ASKED, thought, MORE, thought],
        [asked.removesuffix("<|im_start|>assistant\n") + before + "<|im_start|>assistant\n", kept, "\n"],
    )


@pytest.mark.parametrize("family", ["qwen-2.5", "qwen-3"])
def test_calls_are_learned_and_neither_tools_nor_their_answers(make: Make, family: str) -> None:
    tokenizer = make(family)
    text = render(tokenizer, CALLED, [TOOL])
    think = "<think>\n\n</think>\n\n" if family == "qwen-3" else ""
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "rome"}}\n</tool_call><|im_end|>'
    head = text[: text.index("<tool_call>\n{")]
    assert "# Tools" in head and '"name": "weather"' in head
    parts = [
        head,
        call,
        "\n<|im_start|>user\n<tool_response>\n21\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
        f"{think}it is sunny, 21 degrees.<|im_end|>",
        "\n",
    ]
    if family == "qwen-3":  # the call is asked for once more with a thought before it, which the whole text has not
        parts = ["".join(parts[:3]), *parts[3:]]
    assert_learned(tokenizer, CALLED, parts, [TOOL])


@pytest.mark.parametrize("family", ["gemma", "mistral"])
def test_what_a_template_demands_is_a_refusal_with_its_words(make: Make, family: str) -> None:
    tokenizer = make(family)
    with pytest.raises(DataError, match="refuses a conversation: Conversation roles must alternate"):
        encode_chat(tokenizer, [ASKED, SAID, SAID], 100)
    assert not encode_chat(tokenizer, [SYSTEM, SAID], 3).teaches, "a system turn alone becomes the user's"


@pytest.mark.parametrize("family", list(BY_HAND))
def test_a_cut_ends_the_text_and_leaves_the_mask_as_it_was(make: Make, family: str) -> None:
    tokenizer = make(family)
    whole = encode_chat(tokenizer, TURNS, 10_000)
    for length in (1, len(whole.input_ids) // 2, len(whole.input_ids) - 1):
        cut = encode_chat(tokenizer, TURNS, length)
        assert cut.input_ids == whole.input_ids[:length] and cut.learned == whole.learned[:length]
        assert cut.whole == len(whole.input_ids)


def test_a_word_that_swallows_the_space_before_it_is_learned(make: Make) -> None:
    tokenizer = make("home-made")
    tokenizer.chat_template = tokenizer.chat_template.replace(":\n'", ": '")
    encoded = encode_chat(tokenizer, [ASKED, SAID], 100)
    said = [token for token, learned in zip(encoded.input_ids, encoded.learned, strict=True) if learned]
    assert tokenizer.decode(said) == " paris is in france.\n</s>"


def test_smollm2_s_own_files_agree_with_its_template_here(make: Make) -> None:
    """Where the real model is on this machine: the template that is tested is the one that it has."""
    from autotrain.models.catalogue import Catalogue
    from autotrain.settings import load_settings

    places = [
        entry.path for entry in Catalogue(load_settings()).local() if "smollm2" in entry.id.lower() and entry.path
    ]
    if not places:
        pytest.skip("SmolLM2 is not on this machine")
    from autotrain.models.loading import load_tokenizer

    assert_learned(load_tokenizer(places[0]), TURNS, BY_HAND["smollm2"])
