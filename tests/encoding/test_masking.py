"""What is hidden of a text: how much, where, the same again; and its picture for the page."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.encoding.masked_batch import masked_batch
from autotrain.encoding.masking import Masker, document_blocks
from autotrain.errors import ModelError
from autotrain.task import Masking

TEXT = "The stratum corneum consists of flattened cells without a nucleus, and it is shed all the time. " * 8


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60), st.integers(8, 40))
def test_the_blocks_of_a_document_are_all_of_it(encoder: Any, text: str, most: int) -> None:
    whole = encoder(text, add_special_tokens=False)["input_ids"]
    blocks = document_blocks(encoder, text, most)
    assert all(len(block.input_ids) <= most for block in blocks)
    inside = [token for block in blocks for token in block.input_ids[1:-1]]
    known = [token for token in whole if token not in encoder.all_special_ids]
    assert [token for token in inside if token not in encoder.all_special_ids] == known
    assert sum(sum(block.own) for block in blocks) == len(known)


def test_a_share_is_chosen_of_which_most_is_masked_and_some_is_another_word_or_itself(encoder: Any) -> None:
    (block, *_) = document_blocks(encoder, TEXT, 160)
    masker, seen, chosen = Masker(encoder, Masking(share=0.15, seed=1)), Counter[str](), 0
    for epoch in range(400):
        masked = masker.learned(block.input_ids, block.own, (7, 0), epoch)
        assert sum(masked.chosen) == round(0.15 * sum(block.own))
        for token, shown, taken in zip(block.input_ids, masked.input_ids, masked.chosen, strict=True):
            assert taken or shown == token, "what is not learned is not changed"
            if taken:
                chosen += 1
                seen["mask" if shown == encoder.mask_token_id else "itself" if shown == token else "other"] += 1
    shares = {name: count / chosen for name, count in seen.items()}
    assert shares == pytest.approx({"mask": 0.8, "other": 0.1, "itself": 0.1}, abs=0.02)


def test_masks_depend_on_seed_row_block_and_epoch_alone(encoder: Any) -> None:
    (block, *_) = document_blocks(encoder, TEXT, 160)

    def mask(seed: int = 1, key: tuple[int, int] = (7, 0), epoch: int = 0) -> tuple[int, ...]:
        return Masker(encoder, Masking(seed=seed)).learned(block.input_ids, block.own, key, epoch).input_ids

    assert mask() == mask()
    assert len({mask(), mask(seed=2), mask(key=(8, 0)), mask(key=(7, 1)), mask(epoch=1)}) == 5
    judged = Masker(encoder, Masking()).judged(block.input_ids, block.own, (7, 0))
    assert judged == Masker(encoder, Masking()).judged(block.input_ids, block.own, (7, 0))
    assert {shown for shown, taken in zip(judged.input_ids, judged.chosen, strict=True) if taken} == {
        encoder.mask_token_id
    }


def test_the_picture_shows_what_is_seen_and_what_is_under_it(encoder: Any) -> None:
    made = masked_batch([(2, {"text": TEXT}), (3, {"text": "Rome."})], encoder, 96, Masking(seed=4))
    (block, *_) = document_blocks(encoder, TEXT, 96)
    expected = Masker(encoder, Masking(seed=4)).learned(block.input_ids, block.own, (2, 0), 0)
    first = made.rows[0]
    assert [token.id for token in first.tokens] == list(expected.input_ids)
    assert [token.learned for token in first.tokens] == list(expected.chosen)
    assert all((token.label is not None) == token.learned for token in first.tokens)
    assert made.windows and made.truncated == 0.5 and "mask" in made.explanation
    encoder_without = type("Maskless", (), {"mask_token_id": None})()
    with pytest.raises(ModelError, match="no sign for a masked word"):
        masked_batch([(2, {"text": TEXT})], encoder_without, 96, Masking())
