"""ROUGE, BLEU and chrF against the packages that define them; lengths, intervals, and the copy of the source."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_bleu, corpus_chrf

from autotrain.evaluation.rewriting import chrf_of, lead, rewriting_scores, tokenisation
from autotrain.evaluation.writing import rouge_l, rouge_n, words

SCORER = RougeScorer(["rouge1", "rouge2", "rougeL"])
ENGLISH = st.text(string.ascii_letters[:6] + " .,'-_9", max_size=40)
PAIRS = [
    ("The cat sat on the mat.", "The cat is sitting on the mat."),
    ("It rains again, and nobody has come.", "Nobody came, for it rains again."),
    ("yes", "No, never in my life have I seen such a thing!"),
    ("One two three four five six.", "One two three four five seven."),
]
ANSWERED = [(written, said, place != 2) for place, (written, said) in enumerate(PAIRS)]


@given(ENGLISH, ENGLISH)
@settings(max_examples=200, deadline=None)
def test_rouge_of_ascii_texts_is_that_of_rouge_score(written: str, said: str) -> None:
    golden = SCORER.score(said, written)
    if any(part.isalnum() for part in written) and any(part.isalnum() for part in said):
        assert rouge_l(written, said) == pytest.approx(golden["rougeL"].fmeasure)
        assert rouge_n(written, said, 1) == pytest.approx(golden["rouge1"].fmeasure)
        if min(len(words(written)), len(words(said))) > 1:
            assert rouge_n(written, said, 2) == pytest.approx(golden["rouge2"].fmeasure)


@given(st.text(max_size=30), st.text(max_size=30), st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_rouge_is_a_share_the_same_both_ways_and_whole_for_equal_texts(one: str, other: str, size: int) -> None:
    assert rouge_n(one, one, size) == rouge_l(one, one) == 1.0
    assert 0 <= rouge_n(one, other, size) == rouge_n(other, one, size) <= 1
    assert 0 <= rouge_l(one, other) <= 1


def test_other_scripts_count_too_and_those_without_spaces_by_character() -> None:
    assert words("Où est la Gare ?") == ["où", "est", "la", "gare"]
    assert words("今日は。") == ["今", "日", "は"]
    assert words("?!") == ["?!"]
    assert rouge_n("你好吗", "你好", 1) == pytest.approx(4 / 5), "by hand: 2 shared of 3 and 2"
    assert rouge_n("a b c", "b c d", 2) == pytest.approx(1 / 2), "by hand: 1 shared of 2 and 2"
    assert (rouge_n("yes", "yes", 2), rouge_n("yes", "no", 2)) == (1.0, 0.0)


def test_bleu_and_chrf_are_those_of_sacrebleu() -> None:
    scores = {score.name: score for score in rewriting_scores(ANSWERED, 7)}
    written, said = [one for one, _ in PAIRS], [one for _, one in PAIRS]
    assert scores["bleu"].value == pytest.approx(corpus_bleu(written, [said]).score)
    assert (
        scores["chrf"].value
        == pytest.approx(corpus_chrf(written, [said]).score)
        == pytest.approx(chrf_of(written, said))
    )
    means = [sum(SCORER.score(b, a)[name].fmeasure for a, b in PAIRS) / 4 for name in ("rouge1", "rouge2", "rougeL")]
    assert [scores[name].value for name in ("rouge1", "rouge2", "rouge_l")] == pytest.approx(means)
    assert scores["length_ratio"].value == pytest.approx((6 + 7 + 1 + 6) / (7 + 6 + 11 + 6))
    assert scores["stopped"].value == 0.75
    for score in scores.values():
        assert score.low is not None and score.high is not None and score.low <= score.value <= score.high


@pytest.mark.parametrize(
    ("written", "said", "cut"),
    [
        (["我们今天去学校。", "他很高兴"], ["我们今天不去学校。", "他非常高兴"], "zh"),
        (["今日は学校に行きます。"], ["今日は学校へ行きました。"], "char"),
        (["วันนี้ฉันไปโรงเรียน"], ["วันนี้ผมไปโรงเรียน"], "char"),
        (["Сегодня мы идём в школу."], ["Сегодня они идут в школу."], "13a"),
        (["Das Wort 中国 heißt China."], ["Das Wort 中国 bedeutet China."], "13a"),
    ],
)
def test_words_are_cut_as_their_script_asks_for(written: list[str], said: list[str], cut: str) -> None:
    assert tokenisation(said) == cut
    scores = {s.name: s.value for s in rewriting_scores([(a, b, True) for a, b in zip(written, said, strict=True)], 1)}
    assert scores["bleu"] == pytest.approx(corpus_bleu(written, [said], tokenize=cut, force=True).score)


def test_the_score_that_decides_leads_and_a_copy_has_no_end() -> None:
    assert rewriting_scores(ANSWERED, 1, first="chrf")[0].name == "chrf"
    assert rewriting_scores(ANSWERED, 1)[0].name == "rouge_l"
    assert "stopped" not in {score.name for score in rewriting_scores(ANSWERED, 1, finished=False)}
    assert rewriting_scores([], 1) == ()


def test_the_same_seed_gives_the_same_intervals() -> None:
    assert rewriting_scores(ANSWERED, 5) == rewriting_scores(ANSWERED, 5)
    assert rewriting_scores(ANSWERED, 5) != rewriting_scores(ANSWERED, 6)


def test_a_copy_is_the_first_sentences_of_the_usual_length() -> None:
    text = "One two three. Four five! Six seven eight nine? Ten."
    assert [lead(text, wanted) for wanted in (1, 4.4, 9, 99)] == [
        "One two three.",
        "One two three. Four five!",
        "One two three. Four five! Six seven eight nine?",
        text,
    ]
    assert lead("no stop at all", 2) == "no stop at all"
    assert lead("你好。再见。", 2) == "你好。"


@given(st.text(max_size=60), st.floats(0, 50))
@settings(max_examples=200, deadline=None)
def test_a_copy_is_how_the_source_begins(source: str, wanted: float) -> None:
    assert source.strip().startswith(lead(source, wanted))
