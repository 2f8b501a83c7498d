"""Histograms: no text is lost, bins join, the 99 % length keeps its promise; tokens by a real tokenizer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from autotrain.data.insight import truncation
from autotrain.data.insight.balance import balance
from autotrain.data.insight.lengths import character_lengths, histogram, token_lengths
from autotrain.table import ROW_COLUMN, Profile, Table

TEXTS = st.lists(st.text(max_size=60), min_size=1, max_size=40)
EMPTY = Profile(rows=0, columns=(), size_bytes=0, sha256="", encoding="")


def table(texts: list[str]) -> Table:
    plain = [text.encode("utf-8", "replace").decode() for text in texts]
    rows = {"text": pa.array(plain, pa.string()), ROW_COLUMN: pa.array(range(2, len(plain) + 2), pa.int64())}
    return Table(EMPTY, pa.table(rows))


@given(TEXTS)
def test_every_filled_text_is_counted_with_its_length(texts: list[str]) -> None:
    made = table(texts)
    assert character_lengths(made, "text") == Counter(
        len(text) for text in made.rows["text"].to_pylist() if text.strip()
    )


@given(st.dictionaries(st.integers(1, 100_000), st.integers(1, 1000), min_size=1, max_size=50), st.integers(8, 8192))
def test_bins_join_lose_nothing_and_keep_the_promise(lengths: dict[int, int], most: int) -> None:
    counted = Counter(lengths)
    drawn = histogram(counted, "text", "tokens", max_length=most)
    assert sum(one.count for one in drawn.bins) == drawn.texts == counted.total()
    assert drawn.bins[0].low == 0 and drawn.bins[-1].high is None and len(drawn.bins) <= 21
    assert all(before.high == after.low for before, after in zip(drawn.bins, drawn.bins[1:], strict=False))
    kept = sum(times for length, times in lengths.items() if length <= drawn.keeps_99)
    assert kept >= 0.99 * drawn.texts
    assert drawn.truncated == sum(times for length, times in lengths.items() if length > most) / drawn.texts
    for one in drawn.bins:
        inside = (times for size, times in lengths.items() if one.low <= size and (one.high is None or size < one.high))
        assert one.count == sum(inside)


@given(st.lists(st.sampled_from(["a", "b", "c", " ", ""]), min_size=1))
def test_bars_and_the_rest_are_all_rows_with_a_label(labels: list[str]) -> None:
    seen = balance(table(labels), "text")
    assert sum(bar.count for bar in seen.bars) + seen.others == seen.rows == sum(bool(one.strip()) for one in labels)
    assert 0 <= seen.evenness <= 1


def tokenizer_file(folder: Path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.enable_truncation(4)
    made.enable_padding(length=50)
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def test_tokens_are_counted_whole_whatever_the_file_cuts_or_pads(tmp_path: Path) -> None:
    texts = ["one two", "", "one two three four five six", " "]
    assert token_lengths(table(texts), "text", tokenizer_file(tmp_path)) == Counter({2: 1, 6: 1})


def test_a_file_that_is_no_tokenizer_leaves_the_characters(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    assert token_lengths(table(["a"]), "text", tmp_path / "tokenizer.json") is None


def test_many_cut_texts_are_said_with_the_length_that_keeps_them() -> None:
    (finding,) = truncation(histogram(Counter({10: 80, 200: 20}), "text", "tokens", max_length=128))
    assert finding.message.startswith('20% of the texts in "text" are longer than 128 tokens')
    assert "200 tokens keeps 99 %" in finding.remedy
    assert truncation(histogram(Counter({10: 99, 200: 1}), "text", "tokens", max_length=128)) == []
    (beyond,) = truncation(histogram(Counter({10: 80, 900: 20}), "text", "tokens", max_length=128), longest=512)
    assert beyond.remedy.startswith("The model reads at most 512 tokens; split longer texts")
