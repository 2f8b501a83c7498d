"""Real sample tables, made from the chatterbot-corpus package, so that the first run needs no file and no network."""

from __future__ import annotations

import csv
import importlib.util
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import yaml

from autotrain.errors import DataError

_LICENSE = "From chatterbot-corpus (BSD licence)."


@dataclass(frozen=True)
class Sample:
    """A built-in table. `columns` says which column plays which role of `task`."""

    name: str
    title: str
    description: str
    task: str
    columns: dict[str, str]


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "language-identification",
        "Which language is it?",
        f"Short everyday sentences in the 8 largest languages of the corpus; the label is the language. {_LICENSE}",
        "text-classification",
        {"text": "text", "label": "label"},
    ),
    Sample(
        "english-topics",
        "What is it about?",
        f"English questions and answers on everyday topics; the label is the topic. {_LICENSE}",
        "text-classification",
        {"text": "text", "label": "label"},
    ),
)

_LANGUAGES = 8
_TOPICS = 8
_NAMES = {"traditionalchinese": "Traditional Chinese"}


def sample(name: str) -> Sample:
    """The sample called `name`. Raises DataError."""
    for each in SAMPLES:
        if each.name == name:
            return each
    known = ", ".join(f'"{each.name}"' for each in SAMPLES)
    raise DataError(f'There is no sample called "{name}". The samples are {known}.', code="no-such-sample")


def write_sample(name: str, path: Path) -> None:
    """Write a sample as CSV; the same package version gives the same bytes.

    Raises:
        DataError: there is no such sample, or chatterbot-corpus is not installed.
    """
    rows = _ROWS[sample(name).name](_corpus())
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)


def _corpus() -> Path:
    found = importlib.util.find_spec("chatterbot_corpus")
    folder = Path(found.origin).parent / "data" if found is not None and found.origin else None
    if folder is None or not folder.is_dir():
        raise DataError(
            "The sample texts are not installed. Install them with: pip install 'autotrain-studio[starter]'",
            code="sample-not-installed",
        )
    return folder


def _languages(corpus: Path) -> list[tuple[str, str]]:
    texts = {
        folder.name: _texts(sorted(folder.glob("*.yml"))) for folder in sorted(corpus.iterdir()) if folder.is_dir()
    }
    return _largest({_NAMES.get(name, name.capitalize()): found for name, found in texts.items()}, _LANGUAGES)


def _topics(corpus: Path) -> list[tuple[str, str]]:
    files = sorted((corpus / "english").glob("*.yml"))
    return _largest({file.stem.replace("_", " "): _texts([file]) for file in files}, _TOPICS)


_ROWS: dict[str, Callable[[Path], list[tuple[str, str]]]] = {
    "language-identification": _languages,
    "english-topics": _topics,
}


def _largest(texts: dict[str, list[str]], count: int) -> list[tuple[str, str]]:
    """Rows of the `count` largest classes. A text that occurs in more than one class tells nothing and is left out."""
    classes: defaultdict[str, set[str]] = defaultdict(set)
    for label, found in texts.items():
        for text in found:
            classes[text.casefold()].add(label)
    clear = {label: [text for text in found if len(classes[text.casefold()]) == 1] for label, found in texts.items()}
    largest = sorted(clear, key=lambda label: (-len(clear[label]), label))[:count]
    # Mixed, so that the first rows show what the table is about; by a hash, so that the order is always the same.
    return sorted(
        ((text, label) for label in largest for text in clear[label]), key=lambda row: sha256(row[0].encode()).digest()
    )


def _texts(files: list[Path]) -> list[str]:
    """Every utterance of some corpus files once, in the order of the files."""
    seen: dict[str, str] = {}
    for file in files:
        document = yaml.load(file.read_text("utf-8"), Loader=_LOADER)
        for conversation in document.get("conversations") or ():
            for text in _utterances(conversation):
                seen.setdefault(text.casefold(), text)
    return list(seen.values())


def _utterances(conversation: object) -> Iterator[str]:
    for utterance in conversation if isinstance(conversation, list) else ():
        text = re.sub(r"\s+", " ", str(utterance)).strip() if isinstance(utterance, str) else ""
        if text:
            yield text


# The C loader reads the corpus in a tenth of the time, where PyYAML was built with it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
