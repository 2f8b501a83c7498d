"""Which languages the texts are in, on a sample: by letters that follow each other, offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from autotrain.data.insight.sampling import spread
from autotrain.events import Finding
from autotrain.table import Table

JUDGED_TEXTS = 2_000
LETTERS = 20
"""A text with fewer letters says too little: "ok" is no language. Writing without spaces says it in five."""
SURE = 0.8
CHARACTERS = 1_000
"""Of a text; what follows is in the same language."""
MIXED, SEVERAL = 0.05, 5
"""A second language is worth a word from this share and this many texts on: below lie quotations and mistakes."""


class LanguageShare(BaseModel):
    """One language, its ISO 639-1 code, and its share of the texts whose language is clear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    name: str
    texts: int
    share: float


class LanguageMix(BaseModel):
    """Languages of a column. `unclear` of the `judged` texts are too short or in no language for sure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    shares: tuple[LanguageShare, ...]
    judged: int
    unclear: int
    of: int


def language_mix(table: Table, column: str) -> LanguageMix:
    """Languages of up to 2,000 texts, spread over the table."""
    texts = [text for text in spread(table, [column], JUDGED_TEXTS)[column].to_pylist() if text.strip()]
    codes = Counter(code for text in texts if (code := language(text)) is not None)
    clear = codes.total()
    shares = tuple(
        LanguageShare(code=code, name=NAMES.get(code, code), texts=times, share=times / clear)
        for code, times in sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    )
    return LanguageMix(column=column, shares=shares, judged=len(texts), unclear=len(texts) - clear, of=len(table.rows))


def language(text: str) -> str | None:
    """The ISO 639-1 code of a text's language; None when that is not clear."""
    text = text[:CHARACTERS]
    letters = sum(5 if "\u3040" <= char <= "\ud7ff" else 1 for char in text if char.isalpha())
    if letters < LETTERS:
        return None
    code, confidence = _identifier().classify(text)
    return str(code) if confidence >= SURE else None


def language_findings(mix: LanguageMix, model_languages: Collection[str] | None = None) -> list[Finding]:
    """That languages are mixed, and that the base model does not know them.

    Args:
        mix: what was found.
        model_languages: codes of what the base model reads; None when that is not known, or when it reads many.
    """
    told = [one for one in mix.shares if one.share >= MIXED and one.texts >= SEVERAL]
    sampled = f" in a sample of {mix.judged:,} texts" if mix.judged < mix.of else ""
    if model_languages is not None:
        foreign = [one for one in told if one.code not in model_languages]
        if foreign:
            known = " and ".join(NAMES.get(code, code) for code in model_languages)
            message = f'"{mix.column}" holds texts in {_named(foreign)}{sampled}; the base model reads only {known}.'
            return [_warning("foreign-language", message, "Choose a multilingual model.", mix.column)]
    if len(told) > 1:
        message = f'The texts in "{mix.column}" are in several languages: {_named(told)}{sampled}.'
        remedy = "Choose a multilingual model, and look at the result for each language."
        return [_warning("mixed-languages", message, remedy, mix.column)]
    return []


def _warning(code: str, message: str, remedy: str, column: str) -> Finding:
    return Finding(severity="warning", code=code, message=message, remedy=remedy, column=column)


def _named(shares: Collection[LanguageShare]) -> str:
    shown = [f"{one.name} ({one.share:.0%})" for one in list(shares)[:5]]
    rest = len(shares) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """py3langid, with probabilities: 97 languages, 4 MB, nothing to download (Lui & Baldwin 2012, langid.py)."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay", "mr": "Marathi",
    "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""What people call the languages that are met most; another is shown by its code."""
