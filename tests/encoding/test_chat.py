"""Conversations reach the tokens whole: system turns, tools and calls, and no row that teaches nothing is passed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotrain.data.shapes.turns import fault_of
from autotrain.encoding.answers import encode_question, teaches
from autotrain.encoding.batch import encoded_batch
from autotrain.encoding.chat import encode_chat, encode_preference
from autotrain.encoding.lessons import Passed, lessons
from autotrain.encoding.template import render
from autotrain.errors import DataError
from tests.encoding.conftest import TEMPLATE
from tests.encoding.test_encoding import TURNS, spoken

Words = Callable[..., Any]

SHORT = {"messages": TURNS[1:3]}
LONG = {"messages": [{"role": "user", "content": "paris " * 40}, {"role": "assistant", "content": "in france"}]}
REFUSING = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
FORGETTING = TEMPLATE.replace("{{ '<s>' + message", "{% if message['role'] != 'system' %}{{ '<s>' + message").replace(
    "' </s>\n' }}{% endfor %}", "' </s>\n' }}{% endif %}{% endfor %}"
)
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"type": "function", "id": "c1", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
CALLED = [
    {"role": "user", "content": "where is rome ?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "in italy", "tool_call_id": "c1", "name": "weather"},
    {"role": "assistant", "content": "in italy"},
]


def codes(made: Any) -> list[str]:
    return [finding.code for finding in made.findings]


def test_a_long_conversation_keeps_its_first_answers_with_all_that_is_before_them(words: Words) -> None:
    tokenizer = words()
    whole = encode_chat(tokenizer, TURNS, 1000)
    cut = encode_chat(tokenizer, TURNS, 20)
    assert cut.input_ids == whole.input_ids[:20] and cut.whole == whole.whole > 20
    assert spoken(tokenizer, cut) == ["in", "france", "</s>"]


def test_rows_that_would_teach_nothing_are_counted_named_and_not_trained(words: Words) -> None:
    tokenizer, passed = words(), Passed()
    rows = [SHORT, LONG, SHORT]
    kept = [number for number, _ in lessons("chat", tokenizer, zip([3, 5, 8], rows, strict=True), 32, passed=passed)]
    assert (kept, passed.seen, passed.nothing.known) == ([3, 8], 3, [5])
    made = encoded_batch("chat", rows, tokenizer, 32, numbers=[3, 5, 8], longest=512)
    (finding,) = made.findings
    assert (finding.code, finding.severity, finding.count, finding.rows) == ("teaches-nothing", "warning", 1, (5,))
    assert finding.message == (
        "1 of 3 conversations would teach nothing at 32 tokens, because its answers begin later. Training leaves it "
        "out."
    )
    length = encode_chat(tokenizer, LONG["messages"], 1000).whole
    assert finding.remedy == f"A length of {length} tokens keeps an answer in each."
    assert encoded_batch("chat", rows, tokenizer, length).findings == ()
    assert all(any(token.learned for token in row.tokens) for row in made.rows)


def test_where_every_row_teaches_nothing_it_must_be_mended(words: Words) -> None:
    made = encoded_batch("prompt-completion", [LONG, LONG], words(), 32, longest=40)
    (finding,) = made.findings
    assert finding.severity == "error" and "because their answers begin later. Training leaves them" in finding.message
    assert finding.remedy == "Shorten what stands before the answer. The model reads at most 40 tokens."
    assert made.rows and not any(token.learned for token in made.rows[0].tokens)


def test_of_a_preference_both_answers_must_be_left(words: Words) -> None:
    long = {"role": "assistant", "content": "yes"}
    row = {"prompt": LONG["messages"][:1], "chosen": LONG["messages"][1:], "rejected": [long]}
    begins = encode_chat(words(), LONG["messages"], 1000).learned.index(True)
    assert codes(encoded_batch("preference", [row], words(), begins + 1)) == []
    assert codes(encoded_batch("preference", [row], words(), begins)) == ["teaches-nothing"]


def test_of_a_preference_only_what_follows_the_prompt_is_learned(words: Words) -> None:
    tokenizer = words()
    other = {"role": "assistant", "content": "i do not know"}
    better, worse = encode_preference(tokenizer, TURNS[:4], TURNS[4:], [other], 100)
    assert spoken(tokenizer, better) == ["in", "italy", "</s>"]
    assert spoken(tokenizer, worse) == ["i", "do", "not", "know", "</s>"]


def test_an_answer_longer_than_a_window_is_not_learned_as_no_answer(encoder: Any) -> None:
    context = "Before it all. " + "word " * 60 + "after."
    row = {"context": context, "question": "What?", "answers": [(15, ("word " * 60).strip())]}
    windows = encode_question(encoder, row["question"], context, row["answers"], 32)
    assert not teaches(windows, row["answers"])
    made = encoded_batch("question-answering", [row, row | {"answers": []}], encoder, 32, longest=512)
    (finding,) = made.findings
    assert (finding.code, finding.rows) == ("teaches-nothing", (1,))
    length = int(finding.remedy.split("of ")[1].split(" ")[0])
    assert teaches(encode_question(encoder, row["question"], context, row["answers"], length), row["answers"])


def test_a_question_without_an_answer_points_to_the_classification_token(encoder: Any) -> None:
    (window,) = encode_question(encoder, "Who?", "Nobody is named.", [], 32)
    assert (window.start, window.end, window.answered) == (0, 0, False)
    assert window.input_ids[window.start] == encoder.cls_token_id
    made = encoded_batch("question-answering", [{"context": "Nobody.", "question": "Who?", "answers": []}], encoder, 32)
    assert [token.text for token in made.rows[0].tokens if token.learned] == ["[CLS]"]
    assert made.rows[0].target == "no answer" and made.findings == ()


def test_a_long_text_becomes_windows_and_is_not_cut(encoder: Any) -> None:
    row = {"context": "word " * 60 + "Rome", "question": "Where?", "answers": [(300, "Rome")]}
    made = encoded_batch("question-answering", [row], encoder, 48)
    assert made.windows and made.truncated == 1 and len(made.rows) == 2
    assert not any(shown.cut for shown in made.rows)
    assert [shown.target for shown in made.rows] == ["answer in another window", "Rome"]


@pytest.mark.parametrize("template", [REFUSING + TEMPLATE, FORGETTING], ids=["refuses", "passes over"])
def test_a_system_turn_that_a_template_does_not_know_goes_into_the_first_user_turn(words: Words, template: str) -> None:
    tokenizer = words(template)
    merged = [{"role": "user", "content": "be brief\n\nwhere is paris ?"}, *TURNS[2:]]
    assert render(tokenizer, TURNS) == render(tokenizer, merged)
    encoded = encode_chat(tokenizer, TURNS, 100)
    assert encoded == encode_chat(tokenizer, merged, 100)
    assert spoken(tokenizer, encoded) == ["in", "france", "</s>", "in", "italy", "</s>"]
    made = encoded_batch("chat", [{"messages": TURNS}, SHORT], tokenizer, 100)
    assert codes(made) == ["system-merged"]
    assert "1 of 2 rows" in made.findings[0].message
    assert made.rendered is not None and made.rendered.startswith("<s>user : be brief\n\nwhere is paris ?")


def test_a_template_that_knows_the_system_turn_gets_it(words: Words) -> None:
    assert codes(encoded_batch("chat", [{"messages": TURNS}], words(), 100)) == []


def test_rows_that_a_template_refuses_do_not_cost_the_others(words: Words) -> None:
    strict = (
        "{% for m in messages %}{% if m['role'] == 'tool' %}{{ raise_exception('No tools') }}{% endif %}{% endfor %}"
    )
    made = encoded_batch("chat", [SHORT, {"messages": CALLED}], words(strict + TEMPLATE), 100)
    assert codes(made)[0] == "template-refuses"
    assert made.findings[0].message == (
        "1 of 2 conversations is refused by the model's chat template (No tools). Training leaves it out."
    )
    assert len(made.rows) == 1
    with pytest.raises(DataError, match="No tools. Leave out turns"):
        encoded_batch("chat", [{"messages": CALLED}], words(strict + TEMPLATE), 100)


def test_calls_are_learned_and_results_are_read(words: Words) -> None:
    tokenizer = words(None)
    text = render(tokenizer, CALLED, [TOOL])
    assert '"name": "weather", "parameters"' in text.partition("</tools>")[0]
    assert '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call><|im_end|>' in text
    assert "<|im_start|>tool\nin italy<|im_end|>" in text
    encoded = encode_chat(tokenizer, CALLED, 1000, [TOOL])
    said = tokenizer.decode(
        [number for number, learned in zip(encoded.input_ids, encoded.learned, strict=True) if learned]
    )
    # A tokenizer of few words knows only these: the call's are unknown, the result's "in italy" is not among them.
    assert said.count("in italy") == 1 and said.count("<unk>") > 10
    assert codes(encoded_batch("chat", [{"messages": CALLED, "tools": [TOOL]}], tokenizer, 1000)) == []


def test_a_template_without_a_place_for_tools_is_named(words: Words) -> None:
    tokenizer = words()
    made = encoded_batch("chat", [{"messages": CALLED, "tools": [TOOL]}], tokenizer, 1000)
    assert codes(made) == ["tools-not-shown", "calls-not-shown"]
    # Of the call nothing would be learned but to end at once.
    assert spoken(tokenizer, encode_chat(tokenizer, CALLED, 1000, [TOOL])) == ["in", "italy", "</s>"]


USER, ANSWER, CALLING, RESULT = TURNS[1], TURNS[2], CALLED[1], CALLED[2]
TWICE = CALLING | {"content": "yes", "tool_calls": [CALL, CALL | {"id": "c2"}]}
SILENT = {"role": "tool", "content": ""}
exchanges = st.lists(
    st.sampled_from(
        [
            [USER, ANSWER],
            [USER, CALLING, RESULT, ANSWER],
            [USER, CALLING, SILENT, TWICE, RESULT, SILENT, ANSWER],
            [USER, ANSWER, SILENT, ANSWER],
        ]
    ),
    min_size=1,
    max_size=5,
)
beginnings = st.sampled_from([[], TURNS[:1]])
ends = st.sampled_from([[], [USER, CALLING]])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(beginnings, exchanges, ends, st.booleans())
def test_every_conversation_that_passes_the_check_teaches_each_of_its_answers(
    words: Words, begun: list[Any], between: list[list[Any]], end: list[Any], offered: bool
) -> None:
    messages = [*begun, *(turn for turns in between for turn in turns), *end]
    assert fault_of(messages) is None
    tokenizer = words(None)
    encoded = encode_chat(tokenizer, messages, 10_000, [TOOL] if offered else [])
    runs = sum(
        learned and not before for before, learned in zip((False, *encoded.learned), encoded.learned, strict=False)
    )
    assert runs == sum(message["role"] == "assistant" for message in messages) > 0


def test_system_and_tools_share_the_first_turn_of_the_default_template(words: Words) -> None:
    text = render(words(None), TURNS[:3], [TOOL])
    assert text.startswith("<|im_start|>system\nbe brief\n\nYou may call") and text.count("<|im_start|>system") == 1
