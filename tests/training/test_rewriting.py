"""Families with tokenizers of their own: Marian's two vocabularies, and those of many languages that must be named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch

from autotrain.answers import Sampling
from autotrain.encoding.texts import encode_source, encode_target
from autotrain.errors import ModelError
from autotrain.models.loading import load_seq2seq, load_tokenizer, longest_input, longest_output
from autotrain.training.rewriting import Rewriter, beginning, choose_languages
from tests.training.toy import sentences

SMALL = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
HEADS = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64}
LANGUAGES = {
    "mbart": ("en_XX", "it_IT"),
    "mbart50": ("en_XX", "it_IT"),
    "nllb": ("eng_Latn", "ita_Latn"),
    "m2m100": ("en", "it"),
}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two vocabularies of sentence pieces, one from English and one from Italian sentences."""
    folder = tmp_path_factory.mktemp("pieces")
    for side, language in (("source", "English"), ("target", "Italian")):
        texts = [text for text, _ in sentences(folder, (language,), rows_of_each=150)]
        (folder / f"{side}.txt").write_text("\n".join(texts), "utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / f"{side}.txt"), model_prefix=str(folder / side), vocab_size=250, minloglevel=2
        )
    return folder


def known(pieces: Path, side: str) -> list[str]:
    model = sentencepiece.SentencePieceProcessor(model_file=str(pieces / f"{side}.model"))
    return [model.id_to_piece(number) for number in range(model.get_piece_size())]


def tokenizer_of(family: str, pieces: Path) -> Any:
    """The family's own tokenizer class on these pieces."""
    from transformers import M2M100Tokenizer, MarianTokenizer, MBart50Tokenizer, MBartTokenizer, NllbTokenizer

    words = [piece for piece in known(pieces, "source") if piece not in ("<unk>", "<s>", "</s>")]
    plain = ["<s>", "<pad>", "</s>", "<unk>", *words]
    if family == "marian":
        for side in ("source", "target"):
            names = ["</s>", "<unk>", *(piece for piece in known(pieces, side) if piece[0] != "<"), "<pad>"]
            vocabulary = {name: number for number, name in enumerate(names)}
            (pieces / f"{side}.json").write_text(json.dumps(vocabulary), "utf-8")
        return MarianTokenizer(
            source_spm=str(pieces / "source.model"),
            target_spm=str(pieces / "target.model"),
            vocab=str(pieces / "source.json"),
            target_vocab_file=str(pieces / "target.json"),
            separate_vocabs=True,
        )
    if family == "nllb":
        return NllbTokenizer(vocab={piece: number for number, piece in enumerate(plain)}, merges=[])
    if family == "m2m100":
        (pieces / "m2m.json").write_text(json.dumps({piece: number for number, piece in enumerate(plain)}), "utf-8")
        return M2M100Tokenizer(vocab_file=str(pieces / "m2m.json"), spm_file=str(pieces / "source.model"))
    scored = [(piece, -float(number)) for number, piece in enumerate(plain)]
    return (MBartTokenizer if family == "mbart" else MBart50Tokenizer)(vocab=scored)


Saved = Callable[[str], Path]


@pytest.fixture
def saved(pieces: Path, tmp_path: Path) -> Saved:
    """A folder with the family's tokenizer and a tiny model with random weights."""
    from transformers import M2M100Config, MarianConfig, MBartConfig
    from transformers import M2M100ForConditionalGeneration as M2M100
    from transformers import MarianMTModel as Marian
    from transformers import MBartForConditionalGeneration as MBart

    def make(family: str) -> Path:
        tokenizer = tokenizer_of(family, pieces)
        tokenizer.save_pretrained(tmp_path)
        size = {**SMALL, **HEADS, "vocab_size": len(tokenizer) + 99, "pad_token_id": tokenizer.pad_token_id}
        size["eos_token_id"] = tokenizer.eos_token_id
        torch.manual_seed(0)
        if family == "marian":
            start = tokenizer.pad_token_id
            sides = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": len(known(pieces, "target"))}
            config = MarianConfig(**size, **sides, decoder_start_token_id=start, tie_word_embeddings=False)
            model: Any = Marian(config)
        elif family in ("mbart", "mbart50"):
            model = MBart(MBartConfig(**size))
        else:
            model = M2M100(M2M100Config(**size))
        model.save_pretrained(tmp_path)
        return tmp_path

    return make


@pytest.mark.parametrize("family", LANGUAGES)
def test_a_target_begins_with_its_language_in_learning_and_in_writing(saved: Saved, family: str) -> None:
    folder = saved(family)
    tokenizer = load_tokenizer(folder)
    source, target = LANGUAGES[family]
    choose_languages(tokenizer, source, target)
    model = load_seq2seq(folder, tokenizer)
    code = tokenizer.get_lang_id(target) if family == "m2m100" else tokenizer.convert_tokens_to_ids(target)
    begins = beginning(model, tokenizer)
    if family == "mbart":
        assert (begins.start, begins.first) == (code, None)
    else:
        assert (begins.start, begins.first) == (tokenizer.eos_token_id, code)
    own = tokenizer.get_lang_id(source) if family == "m2m100" else tokenizer.convert_tokens_to_ids(source)
    assert own in encode_source(tokenizer, "Where is it?", 64)[0], "a source names its own language"
    assert tokenizer.eos_token_id in encode_target(tokenizer, "Dove?", 64)[0]
    rewriter = Rewriter(model, tokenizer, begins)
    prompt = rewriter.prompt("Where is it?")
    made = rewriter.continued([prompt], Sampling(max_new_tokens=4))[0]
    assert made and (begins.first is None or made[0] == code)
    assert target not in rewriter.write([prompt], Sampling(max_new_tokens=4))[0].text.replace("__", " ").split()


def test_a_model_of_many_languages_must_be_told_which_and_knows_them(saved: Saved) -> None:
    tokenizer = load_tokenizer(saved("mbart"))
    with pytest.raises(ModelError, match="must be told which.*ar_AR, cs_CZ"):
        choose_languages(tokenizer, "", "")
    with pytest.raises(ModelError, match="does not know the language 'german'"):
        choose_languages(tokenizer, "en_XX", "german")


def test_marian_reads_with_one_vocabulary_and_writes_with_another(saved: Saved, pieces: Path) -> None:
    folder = saved("marian")
    tokenizer = load_tokenizer(folder)
    with pytest.raises(ModelError, match="knows no languages, and 'it' is given"):
        choose_languages(tokenizer, "", "it")
    choose_languages(tokenizer, "", "")
    text = "dove abita il gatto"
    ids, whole = encode_target(tokenizer, text, 64)
    assert whole == len(ids) and ids[-1] == tokenizer.eos_token_id
    assert ids != encode_source(tokenizer, text, 64)[0]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert encode_target(tokenizer, text, 3) == (ids[:3], whole), "a target that is cut has no end"
    model = load_seq2seq(folder, tokenizer)
    begins = beginning(model, tokenizer)
    assert (begins.start, begins.first) == (tokenizer.pad_token_id, None)
    answer = Rewriter(model, tokenizer, begins).write([[5, 0]], Sampling(max_new_tokens=5))[0]
    assert answer.tokens <= 5
    assert (longest_input(model, tokenizer), longest_output(model)) == (64, 64)


def test_a_base_s_old_habits_of_writing_are_left_behind(saved: Saved) -> None:
    folder = saved("mbart")
    habits = {"min_length": 50, "num_beams": 6, "forced_eos_token_id": 2, "max_length": 60, "eos_token_id": 2}
    (folder / "generation_config.json").write_text(json.dumps(habits), "utf-8")
    tokenizer = load_tokenizer(folder)
    choose_languages(tokenizer, "en_XX", "it_IT")
    model = load_seq2seq(folder, tokenizer)
    answer = Rewriter(model, tokenizer, beginning(model, tokenizer)).write([[9, 2]], Sampling(max_new_tokens=3))[0]
    assert answer.tokens <= 3
    assert model.generation_config.forced_eos_token_id is None, "an end that is forced would look like one of its own"
