"""Rewards: each for what it says, never broken by what a model writes, refused where they cannot be computed."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.errors import DataError
from autotrain.evaluation.final_number import Value, final_number, same_number
from autotrain.evaluation.rewards import (
    RewardParams,
    Said,
    earned,
    exact,
    follows,
    in_range,
    number,
    pattern,
    reward_faults,
    rewards_of,
)

words = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is 42.", 42),
        ("He has 3 + 4 = 7 apples.\n#### 7", 7),
        ("First 5, then 6.\n#### 1,200 (that is 3 dozen)", 1200),
        (r"So \boxed{\frac{3}{4}} of it, in 2 steps", 0.75),
        (r"So $\boxed{-17}$", -17),
        ("\\boxed{ {12} } of 100", 12),
        ("It costs $1,234,567.89 in all.", 1234567.89),
        ("1.234,56 Euro", 1234.56),
        ("0,5", 0.5),
        ("12'000", 12000),
        ("5 000", 5000),
        ("5\u202f000", 5000),
        ("\u22124", -4),
        ("-$5", -5),
        ("3/4", 0.75),
        ("10 - 3", 3),
        ("10-3", 3),
        ("6.02e2", 602),
        (".5", 0.5),
        ("2^10", 10),
        ("no number, not even x2", None),
        ("", None),
        ("####", None),
    ],
)
def test_the_number_an_answer_comes_to(text: str, value: float | None) -> None:
    found = final_number(text)
    assert (found.number if found else None) == (pytest.approx(value) if value is not None else None)


def test_percent_is_either_number_of_it() -> None:
    assert final_number("about 40 %") == Value(40, percent=True)
    assert number("It is 40%.", "0.4", 0) == number("It is 40%.", "40", 0) == number("0.4", "40%", 0) == 1
    assert number("40%", "4000%", 0) == number("0.4", "40", 0) == 0


@given(st.integers(-(10**12), 10**12), words, words)
def test_a_whole_number_is_read_however_it_is_written(whole: int, before: str, after: str) -> None:
    for written in (
        str(whole),
        f"{whole:,}",
        f"{whole:,}".replace(",", "\u00a0"),
        f"{whole}.0",
        f"#### {whole}\n{after}",
    ):
        assert number(f"{before} {written} {after}", str(whole), 1e-6) == 1
        assert number(f"{before} {written} {after}", str(whole + 1), 1e-6) == 0
    assert number(f"\\boxed{{{whole}}} {after} 77", str(whole), 0) == 1


@given(st.integers(-1000, 1000), st.integers(1, 1000))
def test_fractions_are_what_python_makes_of_them(above: int, below: int) -> None:
    expected = float(Fraction(above, below))
    sign, size = ("-" if above < 0 else ""), abs(above)
    for written in (f"{above}/{below}", f"{sign}\\frac{{{size}}}{{{below}}}"):
        found = final_number(written)
        assert found is not None and found.number == pytest.approx(expected)


@given(st.floats(-1e9, 1e9), st.floats(0, 100))
def test_within_the_tolerance_is_right(value: float, tolerance: float) -> None:
    assert same_number(Value(value), Value(value + tolerance * 0.99), tolerance)
    off = tolerance * 1.01 + 1e-3 * (1 + abs(value))
    assert not same_number(Value(value), Value(value + off), tolerance)


def test_exact_match_looks_at_words() -> None:
    assert exact(" Paris. ", "paris") == exact("PARIS", "Paris") == 1
    assert exact("It is Paris", "Paris") == 0
    assert exact("Let me think.\n\nParis\n", "Paris", "last line") == 1
    assert exact("Paris\nor Rome", "Paris", "last line") == 0
    assert exact("It is Paris, of course", "Paris", "anywhere") == 1
    assert exact("12", "1", "anywhere") == exact("parish", "Paris", "anywhere") == 0
    assert exact("12 or 1", "1", "anywhere") == exact("(x)", "(x)", "anywhere") == 1
    assert exact("", "") == exact("anything", " ", "anywhere") == 0


@given(st.text(max_size=30), st.text(max_size=10))
def test_the_answer_itself_is_always_an_exact_match(answer: str, around: str) -> None:
    matches = exact(answer, answer)
    assert exact(f"{answer} ", answer) == matches
    assert exact(f"{around}\n{answer}", answer, "anywhere") in (matches, 1)


def test_a_pattern_matches_a_part_or_the_whole() -> None:
    assert pattern("so Answer: 42.", "42", r"Answer: {answer}") == 1
    assert pattern("so Answer: 42.", "42", r"Answer: {answer}", "whole answer") == 0
    assert pattern("Answer: 42", "42", r"Answer: {answer}", "whole answer") == 1
    assert pattern("a|b", "", "a|b", "whole answer") == 0 and pattern("b", "", "a|b", "whole answer") == 1
    form = r"^<think>[\s\S]*</think>\s*<answer>{answer}</answer>$"
    assert pattern("<think>\nwell\n</think>\n<answer>7</answer>", "7", form) == 1
    assert pattern("anything", "", "{answer}") == 0
    assert pattern("HELLO", "", "(?i)hello") == 1


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_an_answer_in_a_pattern_is_what_it_is_and_no_expression(answer: str) -> None:
    assert pattern(answer, answer, "{answer}", "whole answer") == 1
    assert pattern(f"{answer}x", answer, "{answer}", "whole answer") == 0


@pytest.mark.parametrize("expression", [r"(a+)+$", r"(a|a)*$", r"^(\w+\s?)*$", r"(.*)*=(.*)*=(.*)*;"])
def test_a_pattern_that_explodes_elsewhere_is_done_at_once(expression: str) -> None:
    assert (
        pattern("a" * 19_000 + "!", "", expression, "whole answer") == 0
    )  # Python's own engine would need longer than the sun has


@settings(deadline=None)
@given(
    st.text(st.sampled_from("ab1 .-\n"), max_size=12), st.sampled_from([r"a+b?", r"^a.*1$", r"[ab]{2,3}\.", r"\bab\b"])
)
def test_a_pattern_means_what_it_means_in_python(text: str, expression: str) -> None:
    plain = text.replace("\n", " ")  # of $ and line ends Python has its own opinion
    assert pattern(plain, "", expression) == bool(re.search(expression, plain))


SCHEMA = json.dumps({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}})


def test_json_is_read_alone_or_in_a_block() -> None:
    assert follows('{"name": "Anna"}', SCHEMA) == follows('Here:\n```json\n{"name": "Anna"}\n```', SCHEMA) == 1
    assert follows('{"name": 3}', SCHEMA) == follows("[1]", SCHEMA) == 0.5
    assert follows("[1]", "") == 1
    assert follows('It is {"name": "Anna"}', SCHEMA) == follows("", SCHEMA) == follows("[" * 9000, "") == 0


def test_a_pattern_in_a_schema_is_done_at_once_too() -> None:
    schema = json.dumps({"type": "string", "pattern": "(a+)+$"})
    assert follows(json.dumps("a" * 50_000 + "!"), schema) == 0.5


@given(st.integers(0, 500), st.integers(1, 100), st.integers(0, 100))
def test_a_length_in_the_range_is_full_and_less_the_further_away(length: int, least: int, more: int) -> None:
    most = least + more
    value = in_range(length, least, most)
    assert 0 <= value <= 1 and (value == 1) == (least <= length <= most)
    if length < least:
        assert in_range(length + 1, least, most) > value
    if length > most:
        assert in_range(length + 1, least, most) <= value
        assert in_range(2 * most, least, most) == 0


EVERY: dict[str, Any] = {
    "exact_weight": 1,
    "number_weight": 2,
    "pattern_weight": 1,
    "pattern": "{answer}",
    "json_weight": 0.5,
    "json_schema": SCHEMA,
    "length_weight": 0.5,
}


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60), st.text(max_size=20), st.integers(0, 300))
def test_whatever_is_written_earns_between_nothing_and_all(text: str, answer: str, tokens: int) -> None:
    rewards = rewards_of(RewardParams(**EVERY))
    assert [reward.name for reward in rewards] == ["exact", "number", "pattern", "json", "length"]
    whole, each = earned(rewards, Said(text, tokens), answer)
    assert min(each) >= 0 and max(each) <= 1
    assert whole == pytest.approx((each[0] + 2 * each[1] + each[2] + each[3] / 2 + each[4] / 2) / 5)
    assert earned(rewards, Said(text, tokens), answer) == (whole, each)


@pytest.mark.parametrize(
    ("chosen", "code", "says"),
    [
        ({"exact_weight": 0}, "no-reward", "No reward has a weight above 0"),
        ({"pattern_weight": 1}, "no-pattern", "there is none"),
        ({"pattern_weight": 1, "pattern": "("}, "bad-pattern", 'The pattern "("'),
        ({"pattern_weight": 1, "pattern": "(?=a)b"}, "bad-pattern", "without look-around"),
        ({"pattern_weight": 1, "pattern": r"(a)\1"}, "bad-pattern", "refers back"),
        ({"pattern_weight": 1, "pattern": "(?is)a.b"}, "bad-pattern", "[\\s\\S]"),
        ({"json_weight": 1, "json_schema": "{"}, "bad-json-schema", "is no JSON"),
        ({"json_weight": 1, "json_schema": '{"type": "strin"}'}, "bad-json-schema", '"strin"'),
        ({"json_weight": 1, "json_schema": '{"$ref": "http://example.com/x"}'}, "bad-json-schema", "whole by itself"),
        ({"length_weight": 1, "length_least": 9, "length_most": 8}, "empty-range", "is 9, which is more"),
        ({"length_weight": 1, "length_least": 150}, "length-out-of-reach", "cut off at 128"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_its_remedy(chosen: dict[str, Any], code: str, says: str) -> None:
    (finding,) = reward_faults(RewardParams(**chosen))
    assert finding.code == code and says in finding.sentence()
    assert finding.message.endswith(".") and finding.remedy.endswith(".")
    with pytest.raises(DataError, match=re.escape(finding.message)):
        rewards_of(RewardParams(**chosen))
    assert reward_faults(RewardParams()) == reward_faults(RewardParams(**EVERY)) == []


def documented() -> list[list[str]]:
    """The rows of the table in the documents, cell by cell."""
    text = (Path(__file__).parents[2] / "docs/rewards.md").read_text("utf-8")
    rows = re.findall(r"^\| (exact|number|pattern|json|length) \| (.*?) \| (.*?) \|(.*?)\| ([\d.]+) \|$", text, re.M)
    return [[cell[1:-1] if cell[:1] == "`" else cell for cell in (part.strip() for part in row)] for row in rows]


def test_what_the_documents_say_is_earned_is_earned() -> None:
    rows = documented()
    assert len(rows) == 14 and {row[0] for row in rows} == {"exact", "number", "pattern", "json", "length"}
    for name, setting, written, answer, expected in rows:
        chosen = {
            "exact": {"exact_weight": 1, "exact_place": setting},
            "number": {"number_weight": 1, "number_tolerance": setting},
            "pattern": {"pattern_weight": 1, "pattern": setting},
            "json": {"json_weight": 1, "json_schema": setting},
            "length": {"length_weight": 1, "length_least": 1, "length_most": 10, "length_unit": "characters"},
        }[name]
        rewards = rewards_of(RewardParams(**{"exact_weight": 0, **chosen}))
        whole, _ = earned(rewards, Said(written, 5), answer)
        assert whole == float(expected), (name, setting, written, answer)
