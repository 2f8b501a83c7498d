"""An encoder-decoder that writes a text for a text: how its targets begin, and answers of the finished adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autotrain.answers import Sampling
from autotrain.encoding.texts import encode_source
from autotrain.errors import ModelError
from autotrain.models.loading import load_seq2seq, longest_output
from autotrain.training.adapter import load_adapter
from autotrain.training.writing import AnyWriter, Said, streamer_of


@dataclass(frozen=True)
class Beginning:
    """How every target of a model begins: in training and in writing alike.

    Attributes:
        start: what the decoder reads before it writes the first token: T5's and Marian's padding token, BART's end
            token, mBART's language.
        first: a token that the tokenizer puts at the head of every target, such as the language for NLLB; it is put
            there in writing too. None where there is none.
    """

    start: int
    first: int | None


def beginning(model: Any, tokenizer: Any) -> Beginning:
    """What the model itself makes of a target, so that no family needs a rule of ours.

    Raises:
        ModelError: the model does not say what its decoder begins with.
    """
    import torch

    ids = list(tokenizer(text_target="a")["input_ids"])
    _name_start(model.config)
    shift = getattr(model, "prepare_decoder_input_ids_from_labels", None)
    start = int(shift(torch.tensor([ids]))[0, 0]) if shift is not None else model.config.decoder_start_token_id
    if start is None:
        raise ModelError(
            f"The configuration of this {model.config.model_type} names no decoder_start_token_id, so that nobody "
            "knows what its decoder begins with. Name it in config.json, or choose another model.",
            code="no-decoder-start",
        )
    bare = list(tokenizer(text_target="a", add_special_tokens=False)["input_ids"])
    return Beginning(start, ids[0] if ids[:1] != bare[:1] else None)


_T5 = frozenset({"t5", "mt5", "umt5", "longt5", "switch_transformers"})


def _name_start(config: Any) -> None:
    """Configurations made by hand leave out what their family always has. mBART has none: it begins with a language."""
    if getattr(config, "decoder_start_token_id", None) is None:
        if config.model_type in _T5:
            config.decoder_start_token_id = config.pad_token_id
        elif config.model_type not in ("mbart", "t5gemma", "t5gemma2"):
            config.decoder_start_token_id = getattr(config, "bos_token_id", None)


def choose_languages(tokenizer: Any, source: str, target: str) -> None:
    """Tell the tokenizer of a model of many languages which two it is about.

    Raises:
        ModelError: it needs them and they are not named, it does not know one, or it knows none at all.
    """
    named = [each for each in (source, target) if each]
    if not hasattr(tokenizer, "tgt_lang"):
        if named:
            raise ModelError(
                f"This model's tokenizer knows no languages, and {named[0]!r} is given as one. "
                "Leave both languages empty, or choose a model such as mBART or NLLB.",
                code="no-languages",
            )
        return
    known = _languages(tokenizer)
    shown = f"{', '.join(known[:12])}{', …' if len(known) > 12 else ''}"
    if not (source and target):
        raise ModelError(
            f"This model translates between many languages and must be told which. Name the source's and the target's, "
            f"each one of {shown}.",
            code="no-languages",
        )
    unknown = [each for each in named if each not in known]
    if unknown:
        raise ModelError(
            f"The model does not know the language {unknown[0]!r}. Its languages are {shown}.", code="unknown-language"
        )
    tokenizer.src_lang, tokenizer.tgt_lang = source, target


def _languages(tokenizer: Any) -> list[str]:
    """The codes a tokenizer of many languages goes by: mBART's `de_DE`, NLLB's `deu_Latn`, M2M100's `de`."""
    if hasattr(tokenizer, "lang_code_to_token"):
        return sorted(tokenizer.lang_code_to_token)
    codes = getattr(tokenizer, "lang_code_to_id", None) or getattr(tokenizer, "additional_special_tokens", None)
    return sorted(str(code) for code in codes or tokenizer.all_special_tokens if "<" not in str(code))


class Rewriter(AnyWriter):
    """An encoder-decoder, loaded. Reads a source and writes its target; a long source is read from its beginning.

    Args:
        model, tokenizer: loaded; the tokenizer's languages are chosen.
        begins: how targets begin.
        num_beams: how many texts are followed at once when the likeliest is wanted; 1 is greedy.
        prefix: put before each source.
        max_length: tokens of a source that are read.
        base: as for every writer.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        begins: Beginning,
        *,
        num_beams: int = 1,
        prefix: str = "",
        max_length: int = 10**9,
        base: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(model, tokenizer, base)
        self._begins, self._beams, self._prefix = begins, num_beams, prefix
        self._most, self._max_length = longest_output(model), min(max_length, self._room)

    def prompt(self, cell: str) -> list[int]:
        """The tokens of a source."""
        return encode_source(self._tokenizer, cell, self._max_length, self._prefix)[0]

    def continued(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, said: Said | None = None
    ) -> list[list[int]]:
        """The tokens of each source's target, with the one that ends them; all are written at once."""
        from transformers import GenerationConfig

        beams = 1 if sampling.temperature > 0 else self._beams
        config = GenerationConfig(
            max_new_tokens=max(1, min(sampling.max_new_tokens, self._most - 1)),
            num_beams=beams,
            decoder_start_token_id=self._begins.start,
            forced_bos_token_id=self._begins.first,
            **self._ways(sampling),
        )
        streamer = streamer_of(self._tokenizer, said) if said is not None and beams == 1 else None
        made = self._model.generate(**self._batch(prompts, "right"), generation_config=config, streamer=streamer)
        # What the decoder starts with is not written by it, and BART's looks like an end.
        rows = [self._ended(row.tolist()[1:]) for row in made]
        if said is not None and streamer is None:  # which of several texts is the best is known at the end
            said(self.answer(rows[0]).text)
        return rows

    def _text(self, tokens: Sequence[int]) -> str:
        # M2M100 does not count its languages among the special tokens.
        return super()._text(tokens[1:] if self._begins.first is not None else tokens)


def load_rewriter(artifact: Path, model: Path) -> Rewriter:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    loaded, tokenizer, note = load_adapter(artifact, model, lambda tokenizer, _: load_seq2seq(model, tokenizer))
    choose_languages(tokenizer, str(note.get("source_language", "")), str(note.get("target_language", "")))
    return Rewriter(
        loaded,
        tokenizer,
        beginning(loaded, tokenizer),
        num_beams=int(note["num_beams"]),
        prefix=str(note["source_prefix"]),
        max_length=int(note["max_length"]),
        base=(lambda: load_seq2seq(model, tokenizer)) if model.resolve() != artifact.resolve() else None,
    )
