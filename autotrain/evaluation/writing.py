"""Written answers against those of the rows: the same words in the same order, exactly the same, come to an end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from autotrain.evaluation.intervals import RESAMPLES, percentile_interval
from autotrain.report import Example, Score

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Lao, kana and Han characters: no space says where a word ends, so that each counts as one."""

Answered = tuple[str, str, bool]
"""What was written, what the row says, and whether the writing came to its own end."""


def words(text: str) -> list[str]:
    """Lower-cased words as ROUGE counts them, without punctuation; of scripts without spaces each character.

    Of ASCII text these are the words of the `rouge_score` package, of other scripts it sees none. A text of nothing but
    signs is what stands between its spaces.
    """
    found = _WORD.findall(text.lower()) or text.split()
    return [part for word in found for part in (list(word) if _UNSPACED.search(word) else [word])]


def rouge_l(written: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin, 2004, "ROUGE"), from 0 to 1; of two empty texts 1."""
    one, other = words(written), words(reference)
    if not one or not other:
        return float(one == other)
    before = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for place, found in enumerate(other):
            row.append(before[place] + 1 if word == found else max(before[place + 1], row[place]))
        before = row
    common = before[-1]
    return 2 * common / (len(one) + len(other))


def rouge_n(written: str, reference: str, size: int) -> float:
    """F1 of the sequences of `size` words that both have (Lin, 2004), from 0 to 1; of two texts without any 1 or 0.

    Two texts too short to have such a sequence are compared as wholes.
    """
    one, other = (_sequences(words(text), size) for text in (written, reference))
    if not one and not other:
        return float(words(written) == words(reference))
    return 2 * (one & other).total() / (one.total() + other.total())


def _sequences(found: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(found[start:] for start in range(size)), strict=False))


def exact(written: str, reference: str) -> bool:
    """Whether they are the same but for case, spaces and a final full stop."""
    return _plain(written) == _plain(reference)


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")


def reference_scores(answered: Sequence[Answered], seed: int) -> tuple[Score, ...]:
    """ROUGE-L, exact matches and the share that came to an end, with 95 % bootstrap intervals over rows."""
    if not answered:
        return ()
    values = np.array(
        [(rouge_l(written, said), exact(written, said), finished) for written, said, finished in answered], dtype=float
    )
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=RESAMPLES)
    drawn = weights @ values / len(values)
    return tuple(
        Score.of(name, float(values[:, place].mean()), percentile_interval(drawn[:, place], values[:, place].mean()))
        for place, name in enumerate(("rouge_l", "exact_match", "stopped"))
    )


def spread_examples(ordered: Sequence[Example], most: int = 8) -> tuple[Example, ...]:
    """Some of many, from the best to the worst."""
    if len(ordered) <= most:
        return tuple(reversed(ordered))
    places = [round(number * (len(ordered) - 1) / (most - 1)) for number in range(most)]
    return tuple(ordered[place] for place in reversed(places))
