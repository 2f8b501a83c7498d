"""Rows become the tokens that training uses; only what the assistant says is learned; nothing is cut in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig

from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.shapes.tagging import tags_of_spans
from autotrain.data.store import DatasetStore
from autotrain.encoding.answers import encode_question
from autotrain.encoding.batch import ENCODED_SHAPES, encoded_batch
from autotrain.encoding.chat import encode_chat
from autotrain.encoding.preview import preview
from autotrain.encoding.tags import IGNORED, encode_tags
from autotrain.encoding.template import render, template_of
from autotrain.encoding.texts import Rewriting, encode_texts
from autotrain.errors import DataError
from autotrain.models.loading import longest_input
from autotrain.settings import Settings
from tests.encoding.conftest import TEMPLATE, starter_folder
from tests.test_docs import shapes

Words = Callable[..., Any]

TURNS = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "where is paris ?"},
    {"role": "assistant", "content": "in france"},
    {"role": "user", "content": "and rome ?"},
    {"role": "assistant", "content": "in italy"},
]


def spoken(tokenizer: Any, encoded: Any) -> list[str]:
    """The pieces that are learned from."""
    pairs = zip(encoded.input_ids, encoded.learned, strict=True)
    return [tokenizer.convert_ids_to_tokens(number) for number, learned in pairs if learned]


def test_the_encoder_s_ids_are_those_everybody_knows(encoder: Any) -> None:
    # [CLS] hello world [SEP], as every uncased BERT vocabulary numbers them.
    assert encode_texts(encoder, ["Hello world"], 16) == [[101, 7592, 2088, 102]]
    assert encode_texts(encoder, ["Hello world"], 3) == [[101, 7592, 102]]
    assert encode_texts(encoder, ["Hello"], 16, ["world"]) == [[101, 7592, 102, 2088, 102]]


def test_only_what_the_assistant_says_is_learned_with_the_sign_of_its_end(words: Words) -> None:
    tokenizer = words()
    encoded = encode_chat(tokenizer, TURNS, 100)
    assert spoken(tokenizer, encoded) == ["in", "france", "</s>", "in", "italy", "</s>"]
    assert encoded.whole == len(encoded.input_ids)
    assert tokenizer(render(tokenizer, TURNS), add_special_tokens=False)["input_ids"] == list(encoded.input_ids)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from(["one", "two", "three", "paris", "rome"]), min_size=1), min_size=2, max_size=8)
)
def test_the_mask_covers_exactly_the_answers_of_any_conversation(words: Words, said: list[list[str]]) -> None:
    tokenizer = words()
    turns = [{"role": ("user", "assistant")[n % 2], "content": " ".join(each)} for n, each in enumerate(said)]
    expected = [word for each in said[1::2] for word in [*each, "</s>"]]
    assert spoken(tokenizer, encode_chat(tokenizer, turns, 1000)) == expected


def test_a_template_that_forgets_earlier_answers_teaches_the_last_one(words: Words) -> None:
    forgetting = (
        "{% for m in messages %}{% if m['role'] != 'assistant' or loop.last %}{{ '<s>' + m['role'] + ' : ' }}"
        "{{ m['content'] + ' </s>\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<s>assistant :' }}{% endif %}"
    )
    tokenizer = words(forgetting)
    assert spoken(tokenizer, encode_chat(tokenizer, TURNS, 100)) == ["in", "italy", "</s>"]


def test_a_template_that_marks_the_answers_is_believed(words: Words) -> None:
    marking = (
        "{% for m in messages %}{{ '<s>' + m['role'] + ' : ' }}{% if m['role'] == 'assistant' %}"
        "{% generation %}{{ m['content'] }}{% endgeneration %}{{ ' </s>' }}{% else %}{{ m['content'] + ' </s>' }}"
        "{% endif %}{% endfor %}"
    )
    tokenizer = words(marking)
    encoded = encode_chat(tokenizer, TURNS, 100)
    assert spoken(tokenizer, encoded) == ["in", "france", "in", "italy"]
    assert tokenizer(render(tokenizer, TURNS), add_special_tokens=False)["input_ids"] == list(encoded.input_ids)


def test_a_prompt_that_asks_for_more_than_a_turn_holds_still_teaches_every_answer(words: Words) -> None:
    tokenizer = words(TEMPLATE.replace("'<s>assistant :'", "'<s>assistant : yes yes'"))
    assert spoken(tokenizer, encode_chat(tokenizer, TURNS, 100)) == ["in", "france", "</s>", "in", "italy", "</s>"]


def test_a_model_without_a_template_is_taught_the_default_and_says_so(words: Words) -> None:
    tokenizer = words(None)
    assert "ChatML" in template_of(tokenizer)[1]
    assert render(tokenizer, TURNS[:2]).startswith("<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\n")
    made = encoded_batch("chat", [{"messages": TURNS}], tokenizer, 100)
    assert made.template == "ChatML, because the model has no template"


def test_a_template_that_refuses_is_a_sentence(words: Words) -> None:
    tokenizer = words("{{ raise_exception('no system turns here') }}")
    with pytest.raises(DataError, match="no system turns here. Leave out turns"):
        encode_chat(tokenizer, TURNS, 100)


def test_a_word_s_first_token_has_its_tag(encoder: Any) -> None:
    tokens, tags = ["Annabeth", "lives", "in", "Rome"], ["B-PER", "O", "O", "B-LOC"]
    numbers = {"O": 0, "B-PER": 1, "B-LOC": 2}
    made = encode_tags(encoder, tokens, tags, numbers, 64)
    pieces = encoder.convert_ids_to_tokens(list(made.input_ids))
    assert pieces == ["[CLS]", "anna", "##bet", "##h", "lives", "in", "rome", "[SEP]"]
    assert made.labels == (IGNORED, 1, IGNORED, IGNORED, 0, 0, 2, IGNORED)
    cut = encode_tags(encoder, tokens, tags, numbers, 6)
    assert (cut.labels, cut.whole) == ((IGNORED, 1, IGNORED, IGNORED, 0, IGNORED), 8)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(24, 64))
def test_windows_cover_the_text_and_one_of_them_holds_the_answer(encoder: Any, at: int, max_length: int) -> None:
    context = " ".join(f"word{n}" if n != at else "the answer" for n in range(61))
    start = context.index("the answer")
    windows = encode_question(encoder, "Where is it?", context, [(start, "the answer")], max_length)
    seen = {place for window in windows for span in window.offsets if span for place in range(*span)}
    assert all(place in seen for place, char in enumerate(context) if char != " ")
    holding = [window for window in windows if window.end]
    assert holding
    for window in holding:
        first, last = window.offsets[window.start], window.offsets[window.end]
        assert first is not None and last is not None
        assert context[first[0] : last[1]] == "the answer"
    assert all(len(window.input_ids) <= max_length for window in windows)


def test_the_length_that_keeps_nearly_all_is_told(encoder: Any) -> None:
    rows = [{"text": "word " * (n + 1), "label": "a"} for n in range(100)]
    made = encoded_batch("classification", rows, encoder, 52)
    assert made.length_for_99_percent == 101  # the 99th text has 99 words, and two tokens are special
    assert made.truncated == 0.5
    assert made.rows[0].target == "a" and not made.rows[0].cut


def test_rows_of_a_batch_are_as_long_as_the_longest(encoder: Any) -> None:
    rows = [{"text": text, "label": "a"} for text in ("short", "quite a bit longer than that")]
    made = encoded_batch("classification", rows, encoder, 64)
    assert len({len(row.tokens) for row in made.rows}) == 1
    assert [token.padding for token in made.rows[0].tokens].count(True) > 0
    assert [token.text for token in made.rows[0].tokens][:3] == ["[CLS]", "short", "[SEP]"]


@pytest.mark.parametrize(("shape", "kind", "content"), [each for each in shapes() if each[0] in ENCODED_SHAPES])
def test_every_text_shape_goes_from_file_to_first_batch(
    settings: Settings, tmp_path: Path, encoder: Any, shape: str, kind: str, content: str
) -> None:
    path = tmp_path / f"example.{kind}"
    path.write_text(content, "utf-8")
    dataset = DatasetStore(settings).add(path)
    columns = {guess.role: guess.column for guess in suggestions(dataset.profile)[0].mapping if guess.column}
    rows = [row for _, row in SHAPES[shape].rows(dataset.table(), columns)]
    made = encoded_batch(shape, rows, encoder, 64)
    assert made.rows and all(row.tokens for row in made.rows)
    taught = [token for row in made.rows for token in row.tokens if token.learned]
    assert taught or all(row.target for row in made.rows)
    assert [finding for finding in made.findings if finding.severity == "error"] == []


def test_every_shape_but_those_of_pictures_and_sounds_has_tokens_to_show() -> None:
    seen = {"image-classification", "object-detection", "audio-classification"}
    assert set(SHAPES) - seen == ENCODED_SHAPES == {shape for shape, _, _ in shapes()} - seen


def test_a_child_makes_the_same_batch_and_the_asking_process_stays_light(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("text,label\nHello world,a\nGood bye,b\n", "utf-8")
    dataset = DatasetStore(settings).add(path)
    made = preview(dataset.table(), "classification", {"text": "text", "label": "label"}, starter_folder(), 16)
    assert [token.id for token in made.rows[0].tokens] == [101, 7592, 2088, 102]
    with pytest.raises(DataError, match="have no tokens to show"):
        preview(dataset.table(), "image-classification", {}, starter_folder(), 16)


def test_marked_places_reach_the_tokens(encoder: Any) -> None:
    tokens, tags = tags_of_spans("Anna lives in New York", [(0, 4, "PER"), (14, 22, "LOC")])
    made = encoded_batch("spans", [{"tokens": tokens, "tags": tags}], encoder, 32)
    labelled = {token.text: token.label for token in made.rows[0].tokens if token.label != "O" and token.label}
    assert labelled == {"anna": "B-PER", "new": "B-LOC", "york": "I-LOC"}


def test_the_picture_is_cut_where_training_cuts(settings: Settings, tmp_path: Path, encoder: Any) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"text,label\n{'word ' * 900},a\nGood bye,b\n", "utf-8")
    table = DatasetStore(settings).add(path).table()
    made = preview(table, "classification", {"text": "text", "label": "label"}, starter_folder(), 1024)
    config = AutoConfig.from_pretrained(starter_folder(), local_files_only=True)
    assert made.max_length == longest_input(SimpleNamespace(config=config), encoder) < 902
    assert made.rows[0].cut and made.truncated == 0.5


def test_a_question_longer_than_a_window_leaves_room_for_the_text(encoder: Any) -> None:
    context = "Rome is in Italy and Paris is in France"
    windows = encode_question(encoder, "where " * 100, context, [(10, " Italy ")], 24)
    assert all(len(window.input_ids) <= 24 for window in windows)
    held = next(window for window in windows if window.end)
    first, last = held.offsets[held.start], held.offsets[held.end]
    assert first and last and context[first[0] : last[1]] == "Italy"


def test_a_source_has_its_prefix_and_a_target_is_cut_at_a_length_of_its_own(words: Words) -> None:
    tokenizer = words()
    rows = [{"source": "where is paris", "target": "in france"}, {"source": "rome", "target": "one two three yes one"}]
    made = encoded_batch("text-to-text", rows, tokenizer, 4, rewriting=Rewriting("tool : ", 3))
    shown = [[token.text for token in row.tokens if not token.padding] for row in made.rows]
    assert shown == [
        ["tool", ":", "where", "is"],
        ["in", "france", "</s>"],
        ["tool", ":", "rome"],
        ["one", "two", "three"],
    ]
    assert [[token.learned for token in row.tokens[:2]] for row in made.rows] == [[False] * 2, [True] * 2] * 2
    assert [row.cut for row in made.rows] == [True, False, False, True]
    assert made.truncated == 0.5, "of the sources"
    (finding,) = made.findings
    assert finding.code == "targets-cut" and finding.rows == (2,)
    assert "1 of 2 targets is longer than 3 tokens" in finding.message and "6 tokens" in finding.remedy
