"""Texts written for texts: ROUGE, BLEU, chrF and lengths with intervals, and what copying the source would score."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.bootstrap import scores_of
from autotrain.evaluation.writing import Answered, rouge_l, rouge_n, words
from autotrain.report import Score

Floats = NDArray[np.float64]

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_OTHER_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
"""Thai, Lao, Burmese and Khmer."""
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*[\"'”’)\]]*\s*|[.!?。！？]+\s*")


def tokenisation(references: Sequence[str]) -> str:
    """How sacrebleu should cut texts like these into words: `zh` for Chinese, `13a` where spaces part words.

    Japanese needs a dictionary (MeCab) to be cut into words; without one its characters are counted, as they are of
    other scripts without spaces.
    """
    text = "".join(references)
    han, kana, other = (len(each.findall(text)) for each in (_HAN, _KANA, _OTHER_UNSPACED))
    if max(han + kana, other) * 2 < len("".join(text.split())):
        return "13a"
    return "zh" if han > other and kana * 20 < han else "char"


def rewriting_scores(
    answered: Sequence[Answered], seed: int, *, first: str = "rouge_l", finished: bool = True
) -> tuple[Score, ...]:
    """ROUGE-L, ROUGE-1, ROUGE-2, BLEU, chrF, the length against the references and the share that came to an end.

    ROUGE is the mean over rows; BLEU and chrF are those of sacrebleu for all rows together, on each bootstrap sample
    again. 95 % intervals are over rows.

    Args:
        answered: what was written, the reference, whether it came to an end.
        seed: of the samples.
        first: the name of the score that leads.
        finished: whether the share that came to an end means something; a copy always does.
    """
    if not answered:
        return ()
    written, references = [one for one, _, _ in answered], [one for _, one, _ in answered]
    bleu, chrf = sacrebleu_metrics(references)
    bleu_parts, chrf_parts = (_statistics(metric, written, references) for metric in (bleu, chrf))
    means = np.array(
        [(rouge_l(a, b), rouge_n(a, b, 1), rouge_n(a, b, 2), done) for a, b, done in answered], dtype=np.float64
    )
    lengths = np.array([(len(words(a)), len(words(b))) for a, b, _ in answered], dtype=np.float64)

    def figures(weights: Floats) -> Floats:
        average, length = weights @ means / weights.sum(1, keepdims=True), weights @ lengths
        parts = [average[:, :3], _corpus(bleu, weights @ bleu_parts), _corpus(chrf, weights @ chrf_parts)]
        parts += [(length[:, 0] / np.maximum(length[:, 1], 1))[:, None], average[:, 3:]]
        return np.concatenate(parts, axis=1)

    names = ("rouge_l", "rouge1", "rouge2", "bleu", "chrf", "length_ratio", "stopped")
    made = scores_of(names, figures, len(answered), seed)
    shown = [score for score in made if finished or score.name != "stopped"]
    return tuple(sorted(shown, key=lambda score: score.name != first))


def sacrebleu_metrics(references: Sequence[str]) -> tuple[Any, Any]:
    """BLEU and chrF as sacrebleu has them (Post, 2018; Popović, 2015), cut as the references' script asks for."""
    from sacrebleu.metrics import BLEU, CHRF

    return BLEU(tokenize=tokenisation(references), force=True), CHRF()


def chrf_of(written: Sequence[str], references: Sequence[str]) -> float:
    """chrF of all rows together, from 0 to 100."""
    _, chrf = sacrebleu_metrics(references)
    return float(chrf.corpus_score(list(written), [list(references)]).score)


def _statistics(metric: Any, written: Sequence[str], references: Sequence[str]) -> Floats:
    """(rows, counts) what the metric counts in each row: its value for any rows comes from their sums alone."""
    return np.array(metric._extract_corpus_statistics(list(written), [list(references)]), dtype=np.float64)


def _corpus(metric: Any, sums: Floats) -> Floats:
    """(samples, 1) the metric's value for each sample's sums."""
    return np.array([[metric._compute_score_from_stats(row.tolist()).score] for row in sums])


def lead(source: str, wanted: float) -> str:
    """The source's first sentences, as many as come nearest to `wanted` words, at least one."""
    sentences = _SENTENCE.findall(source) or [source]
    ends = np.cumsum([len(words(sentence)) for sentence in sentences])
    return "".join(sentences[: int(np.abs(ends - wanted).argmin()) + 1]).strip()
