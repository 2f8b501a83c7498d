"""Shapes: which one a table has and why, and each row that breaks its rules named with the way to mend it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.shapes.tagging import legal, span_doubt, span_fault, tags_of_spans
from autotrain.data.shapes.turns import FAULTS, fault_of, read_messages, read_tools
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from autotrain.data.store import Dataset
from tests.data.conftest import Importer, as_csv

USER, BOT, SYSTEM = ({"role": role, "content": f"{role} speaks"} for role in ("user", "assistant", "system"))


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def faults(dataset: Dataset, shape: str) -> dict[str, tuple[int, ...]]:
    """Codes with rows, under the mapping that is suggested."""
    suggestion = next(each for each in suggestions(dataset.profile) if each.shape == shape)
    columns = {guess.role: guess.column for guess in suggestion.mapping if guess.column}
    found = SHAPES[shape].check(dataset.table(), columns)
    assert all(finding.message.endswith(".") and finding.remedy.endswith(".") for finding in found)
    return {finding.code: finding.rows for finding in found if finding.severity == "error"}


GOOD = {"messages": [USER, BOT]}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([USER], "no-last-answer"),
        ([USER, BOT, USER], "no-last-answer"),
        ([BOT, USER, BOT], "not-alternating"),
        ([USER, USER, BOT], "not-alternating"),
        ([USER, SYSTEM, BOT], "late-system"),
        ([{"role": "user", "content": " "}, BOT], "empty-turn"),
        ([USER, {"role": "assistant", "content": ""}], "empty-turn"),
        ([{"role": "narrator", "content": "once"}, BOT], "unknown-role"),
        ("no list at all", "no-conversation"),
        ([{"content": "who says this?"}], "no-conversation"),
    ],
)
def test_a_conversation_that_cannot_be_learned_from_is_named(imported: Importer, messages: Any, code: str) -> None:
    dataset = imported(lines(*[GOOD] * 30, {"messages": messages}, *[GOOD] * 30))
    assert faults(dataset, "chat") == {code: (31,)}
    (finding,) = SHAPES["chat"].check(dataset.table(), {"messages": "messages"})
    assert finding.fix is not None
    mended = stepped(dataset, STEPS.validate_python([finding.fix.step]))
    assert SHAPES["chat"].check(mended.table(), {"messages": "messages"}) == []
    assert len(list(SHAPES["chat"].rows(dataset.table(), {"messages": "messages"}))) == 60


CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "content": "42", "tool_call_id": "c1"}


@pytest.mark.parametrize(
    "messages",
    [
        [SYSTEM, USER, CALLING, RESULT, BOT],
        [USER, CALLING, RESULT, CALLING, RESULT, BOT, USER, BOT],
        [USER, CALLING | {"tool_calls": [CALL, CALL | {"id": "c2"}]}, RESULT, RESULT | {"tool_call_id": "c2"}, BOT],
        [USER, CALLING],
        [USER, BOT, {"role": "tool", "content": "42"}, BOT],
    ],
)
def test_tools_may_speak_where_they_were_called(imported: Importer, messages: Any) -> None:
    assert faults(imported(lines(*[{"messages": messages}] * 4)), "chat") == {}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([USER, RESULT, BOT], "result-without-call"),
        ([USER, CALLING, USER, BOT], "call-without-result"),
        ([USER, CALLING, RESULT], "no-last-answer"),
        ([USER, CALLING, RESULT, USER, BOT], "not-alternating"),
        ([USER, CALLING, RESULT | {"tool_call_id": "c7"}, BOT], "unknown-call"),
        ([USER, CALLING | {"tool_calls": [{"type": "function"}]}, RESULT, BOT], "unreadable-call"),
        ([USER, {"role": "assistant", "content": ""}, USER, BOT], "empty-turn"),
    ],
)
def test_a_conversation_with_tools_in_the_wrong_order_is_named(imported: Importer, messages: Any, code: str) -> None:
    assert faults(imported(lines(*[GOOD] * 4, {"messages": messages}, GOOD)), "chat") == {code: (5,)}


def test_spellings_of_calls_become_one() -> None:
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    expected = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    spelled: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "add", "arguments": '{"a": 1}'}}]},
        {"role": "assistant", "tool_calls": [{"name": "add", "arguments": {"a": 1}}]},
        {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": '{"a": 1}'}},
        {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 1}}'},
    ]
    for each in spelled:
        assert read_messages(json.dumps([each])) == expected
    (result,) = read_messages(json.dumps([{"from": "observation", "value": '{"sum": 42}'}])) or []
    assert result == {"role": "tool", "content": '{"sum": 42}'}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["user", "assistant", "tool"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "tool_calls", "function", "name", "arguments", "id"]),
            inner,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(anything, max_size=4))
def test_whatever_stands_in_a_cell_is_read_or_refused_and_never_breaks(value: list[Any]) -> None:
    cell = json.dumps(value)
    messages = read_messages(cell)
    assert messages is None or fault_of(messages) is None or fault_of(messages) in FAULTS
    assert read_tools(cell) is None or all("name" in tool["function"] for tool in read_tools(cell) or [])


def test_tools_are_schemas_whether_wrapped_or_bare(imported: Importer) -> None:
    bare = {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}}
    wrapped = {"type": "function", "function": bare}
    assert read_tools(json.dumps([bare])) == read_tools(json.dumps([wrapped])) == [wrapped]
    assert (read_tools(" "), read_tools("[1]"), read_tools("add")) == ([], None, None)
    row = {"messages": [USER, CALLING, RESULT, BOT], "tools": json.dumps([bare])}
    dataset = imported(lines(row, row | {"tools": [wrapped]}, row | {"tools": "add"}, {"messages": [USER, BOT]}))
    assert faults(dataset, "chat") == {"unreadable-tools": (3,)}
    rows = [made for _, made in SHAPES["chat"].rows(dataset.table(), {"messages": "messages", "tools": "tools"})]
    assert [made.get("tools") for made in rows] == [[wrapped], [wrapped], None]


def test_spellings_of_turns_become_one() -> None:
    plain = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    for spelled in (
        plain,
        [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}],
        {"messages": plain},
        [{"role": "User", "content": [{"type": "text", "text": "Hi"}]}, plain[1]],
    ):
        assert read_messages(json.dumps(spelled)) == plain


def test_equal_answers_and_empty_ones_are_no_preference(imported: Importer) -> None:
    good = {"prompt": "Where?", "chosen": "Here.", "rejected": "There."}
    dataset = imported(lines(good, good | {"rejected": "Here. "}, good | {"chosen": ""}))
    assert faults(dataset, "preference") == {"same-answers": (2,), "empty-answer": (3,)}


def test_what_both_conversations_begin_with_is_the_prompt(imported: Importer) -> None:
    other = {"role": "assistant", "content": "something else"}
    dataset = imported(
        lines({"chosen": [USER, BOT], "rejected": [USER, other]}, {"chosen": [USER, BOT], "rejected": [USER, other]})
    )
    rows = list(SHAPES["preference"].rows(dataset.table(), {"chosen": "chosen", "rejected": "rejected"}))
    assert rows[0] == (1, {"prompt": [USER], "chosen": [BOT], "rejected": [other]})


def test_a_prompt_that_whole_conversations_repeat_is_asked_once(imported: Importer) -> None:
    other = {"role": "assistant", "content": "something else"}
    again = {"role": "user", "content": "And then?"}
    row = {"prompt": again["content"], "chosen": [USER, BOT, again, BOT], "rejected": [USER, BOT, again, other]}
    dataset = imported(lines(row, row, row | {"rejected": [USER, BOT, again, USER]}))
    columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
    rows = [made for _, made in SHAPES["preference"].rows(dataset.table(), columns)]
    assert rows == [{"prompt": [USER, BOT, again], "chosen": [BOT], "rejected": [other]}] * 2
    assert faults(dataset, "preference") == {"not-alternating": (3,)}


def test_words_and_tags_must_agree_and_names_must_begin(imported: Importer) -> None:
    good = {"tokens": ["Anna", "Lee", "sings"], "tags": ["B-PER", "I-PER", "O"]}
    dataset = imported(
        lines(
            good, good | {"tags": ["B-PER", "O"]}, good | {"tags": ["B-PER", "I-LOC", "O"]}, good | {"tokens": []}, good
        )
    )
    assert faults(dataset, "tagging") == {"tags-do-not-fit": (2,), "illegal-tags": (3,), "no-tokens": (4,)}


def test_tags_parted_by_spaces_are_a_list(imported: Importer) -> None:
    table = [("sentence", "ner"), *[(f"Anna Lee sings {n}", "B-PER I-PER O O") for n in range(9)], ("Bo", "O O")]
    dataset = imported(as_csv(table))
    assert dataset.profile.column("ner").kind == "list"  # type: ignore[union-attr]
    found = SHAPES["tagging"].check(dataset.table(), {"tokens": "sentence", "tags": "ner"})
    assert [(finding.code, finding.rows) for finding in found] == [("tags-do-not-fit", (11,))]


def test_marked_places_lie_in_their_text_and_apart(imported: Importer) -> None:
    def row(*spans: tuple[int, int]) -> dict[str, Any]:
        marked = [{"start": start, "end": end, "label": "X"} for start, end in spans]
        return {"text": "Anna lives in Rome", "spans": marked}

    dataset = imported(lines(row((0, 4)), row((14, 19)), row((0, 4), (2, 8)), row((3, 3)), row((0, 4), (14, 18))))
    assert faults(dataset, "spans") == {"span-outside": (2, 4), "spans-overlap": (3,)}


@pytest.mark.parametrize(
    ("spans", "code"),
    [
        ([(0, 4)], None),
        ([(0, 5)], None),  # a space more is no part of a word
        ([(14, 19)], None),
        ([(0, 3)], "span-within-word"),
        ([(15, 18)], "span-within-word"),
        ([(0, 2), (2, 4)], "span-lost"),
        ([(4, 5)], "span-lost"),
        ([(0, 2), (3, 10)], "span-within-word"),
    ],
)
def test_a_place_that_is_not_learned_as_marked_is_counted_and_said(
    imported: Importer, spans: list[tuple[int, int]], code: str | None
) -> None:
    def row(*marked: tuple[int, int]) -> dict[str, Any]:
        text = "Anna lives in Rome."
        return {"text": text, "spans": [{"start": start, "end": end, "label": "X"} for start, end in marked]}

    dataset = imported(lines(row((0, 4)), row(*spans), row((14, 18))))
    found = SHAPES["spans"].check(dataset.table(), {"text": "text", "spans": "spans"})
    assert [(each.code, each.severity, each.rows) for each in found] == ([(code, "warning", (2,))] if code else [])
    assert all(each.message.endswith(".") for each in found)
    assert len(list(SHAPES["spans"].rows(dataset.table(), {"text": "text", "spans": "spans"}))) == 3


def test_names_in_scripts_without_spaces_are_marked_sign_by_sign() -> None:
    tokens, tags = tags_of_spans("李明住在Rome。", [(0, 2, "PER"), (4, 8, "LOC")])
    assert tokens == ["李", "明", "住", "在", "Rome", "。"]
    assert tags == ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]
    assert span_doubt("李明住在Rome。", [(0, 2, "PER"), (4, 8, "LOC")]) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("abcé ,.", min_size=1, max_size=6), min_size=1, max_size=8), st.data())
def test_marked_words_become_legal_tags_that_mark_the_same_words(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    starts = sorted(data.draw(st.lists(st.integers(0, len(text) - 1), max_size=4, unique=True)))
    spans = [(start, min(start + 2, end), "X") for start, end in zip(starts, [*starts[1:], len(text)], strict=False)]
    assert span_fault(text, spans) is None
    tokens, tags = tags_of_spans(text, spans)
    assert len(tokens) == len(tags) and legal(tags)
    assert "".join(tokens) == "".join(text.split())
    position = 0
    for token, tag in zip(tokens, tags, strict=True):
        position = text.index(token, position)
        marked = any(start < position + len(token) and position < end for start, end, _ in spans)
        assert (tag != "O") == marked
        position += len(token)


def test_answers_stand_where_they_say(imported: Importer) -> None:
    def row(text: str, start: int, question: str = "Where?") -> dict[str, Any]:
        answers = {"text": [text], "answer_start": [start]}
        return {"context": "Anna lives in Rome.", "question": question, "answers": answers}

    dataset = imported(lines(row("Rome", 14), row("Rome", 13), row("Oslo", 14), row("Rome", 14, " "), row("Anna", 0)))
    expected = {"answer-elsewhere": (2,), "answer-not-found": (3,), "empty-question": (4,)}
    assert faults(dataset, "question-answering") == expected


def test_boxes_have_an_area_and_begin_in_the_image(imported: Importer) -> None:
    rows = [{"image": f"{n}.jpg", "boxes": [[1, 2, 3, 4]]} for n in range(5)]
    rows[1]["boxes"] = [[1, 2, 0, 4]]
    rows[2]["boxes"] = [[-1, 2, 3, 4]]
    dataset = imported(lines(*rows))
    assert faults(dataset, "object-detection") == {"empty-box": (2,), "box-outside": (3,)}


def test_a_shape_that_does_not_fit_says_why(imported: Importer) -> None:
    dataset = imported(as_csv([("text", "label"), *[(f"some text {n}", "ab"[n % 2]) for n in range(20)]]))
    reasons = {each.shape: each.reason for each in suggestions(dataset.profile) if not each.fits}
    assert reasons["preference"] == "no column is called chosen or preferred or accepted or win"
    assert reasons["chat"].startswith("no column looks like")
    assert "classification" not in reasons


def test_context_is_no_text_and_the_contents_come_before_the_name(imported: Importer) -> None:
    turns = json.dumps([USER, BOT])
    dataset = imported(as_csv([("text", "label"), *[(turns, f"c{n % 2}") for n in range(20)]]))
    assert suggestions(dataset.profile)[0].shape == "chat"


TICKETS = [
    ("id", "message", "department", "price"),
    *[(str(n), f"the parcel number {n} is late", ("billing", "praise")[n % 2], f"{n}.25") for n in range(60)],
]


@pytest.mark.parametrize("wrong", ["id", "price", "message"])
def test_whoever_picks_the_wrong_label_is_shown_the_right_one(imported: Importer, wrong: str) -> None:
    dataset = imported(as_csv(TICKETS))
    found = SHAPES["classification"].check(dataset.table(), {"text": "message", "label": wrong})
    (error,) = [finding for finding in found if finding.severity == "error"]
    assert error.fix is not None and error.fix.columns == {"label": "department"}
    assert '"department" is probably meant' in error.remedy


def test_whoever_picks_the_wrong_text_is_shown_the_right_one(imported: Importer) -> None:
    dataset = imported(as_csv(TICKETS))
    found = SHAPES["classification"].check(dataset.table(), {"text": "id", "label": "department"})
    (said,) = [finding for finding in found if finding.code == "text-unlikely"]
    assert said.fix is not None and said.fix.columns == {"text": "message"}


def test_targets_that_are_their_source_are_said_and_nearly_all_of_them_twice(imported: Importer) -> None:
    shape, columns = SHAPES["text-to-text"], {"source": "source", "target": "target"}
    said = {}
    for copies in (0, 2, 19):
        rows = [{"source": f"good {n}", "target": f"good {n}" if n < copies else f"bon {n}"} for n in range(20)]
        found = shape.check(imported(lines(*rows)).table(), columns)
        assert all(finding.severity == "warning" for finding in found)
        said[copies] = [finding.code for finding in found]
    assert said == {0: [], 2: ["copy"], 19: ["copy", "mostly-copies"]}
    twice = shape.check(imported(lines(*rows)).table(), {"source": "source", "target": "source"})
    assert [(finding.severity, finding.code) for finding in twice] == [("error", "same-column")]


def test_targets_that_are_all_empty_stop_the_run(imported: Importer) -> None:
    rows = [{"source": f"good {n}", "target": " "} for n in range(20)]
    found = SHAPES["text-to-text"].check(imported(lines(*rows)).table(), {"source": "source", "target": "target"})
    assert ("error", "no-text") in [(finding.severity, finding.code) for finding in found]
