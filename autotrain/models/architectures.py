"""Which architectures suit which task, read from transformers' own tables without importing it or torch."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path

_LABELS = "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES"
_MASKED = "MODEL_FOR_MASKED_LM_MAPPING_NAMES"
_CAUSAL = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
_SEQUENCES = "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES"
_ANSWERS = "MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES"
_SOUNDS = ("MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES", "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES")
# The tasks and the Hub's pipeline tags, and the table in transformers that lists the architectures with a head for
# each. Those whose input is more than text are not here: nothing is said about what is not known.
_TABLES = {
    "text-classification": _LABELS,
    "multi-label-classification": _LABELS,
    "text-regression": _LABELS,
    "reranking": _LABELS,
    "reward-modeling": _LABELS,
    "sentence-embeddings": _MASKED,
    "token-classification": "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES",
    "question-answering": _ANSWERS,
    "masked-language-modeling": _MASKED,
    "fill-mask": _MASKED,
    "text-to-text": _SEQUENCES,
    "text2text-generation": _SEQUENCES,
    "text-generation": _CAUSAL,
    "continued-pretraining": _CAUSAL,
    "supervised-fine-tuning": _CAUSAL,
    "preference-tuning": _CAUSAL,
    "grpo": _CAUSAL,
}
_ENCODER_DECODER_TASKS = frozenset({"text-to-text", "text2text-generation"})
ENCODER_TASKS = tuple(
    task for task, table in _TABLES.items() if table not in (_CAUSAL, _SEQUENCES) and task != "reward-modeling"
)
"""What a small encoder is good for; a reward needs a reader of conversations."""
DECODER_TASKS = (*(task for task, table in _TABLES.items() if table == _CAUSAL), "reward-modeling")
# These have a text head in transformers, but their forward pass also wants boxes, images, sounds or table structure.
_MORE_THAN_TEXT = frozenset(
    {
        *("layoutlm", "layoutlmv2", "layoutlmv3", "lilt", "markuplm", "modernvbert", "perceiver", "tapas"),
        *("ultravbert", "audioflamingo3", "musicflamingo"),
    }
)


@cache
def _tables() -> dict[str, frozenset[str]]:
    """Every `*_MAPPING_NAMES` table of the installed transformers: its name, and the model types in it.

    Importing the module would bring torch (2.6 s and 250 MB, measured); parsing its source brings neither.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        return {}
    folder = Path(spec.origin).parent / "models" / "auto"
    found: dict[str, frozenset[str]] = {}
    for name in ("modeling_auto.py", "auto_mappings.py", "configuration_auto.py"):
        path = folder / name
        if path.is_file():
            for statement in ast.parse(path.read_text("utf-8")).body:
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                    found[statement.targets[0].id] = _keys(statement.value)
    return found


def _keys(value: ast.expr) -> frozenset[str]:
    """The keys of a dict, or of the pairs in `OrderedDict([...])`."""
    if isinstance(value, ast.Dict):
        return frozenset(
            key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
        )
    if isinstance(value, ast.Call) and value.args and isinstance(value.args[0], (ast.List, ast.Tuple)):
        firsts = (pair.elts[0] for pair in value.args[0].elts if isinstance(pair, ast.Tuple) and pair.elts)
        return frozenset(
            first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)
        )
    return frozenset()


def known(model_type: str) -> bool:
    """Whether the installed transformers has this architecture at all."""
    return any(model_type in names for names in _tables().values())


def suited(task_name: str) -> frozenset[str] | None:
    """The architectures that can be tuned for a task; None when transformers' tables say nothing about it."""
    name = _TABLES.get(task_name, "")
    table = _tables().get(name)
    if not table:
        return None
    # transformers lets encoders such as BERT write word by word, which they were never trained to do
    encoders = _tables()[_MASKED] if name == _CAUSAL else frozenset()
    # and counts what transcribes speech among those that turn one text into another
    listeners = frozenset().union(*(_tables().get(each, frozenset()) for each in _SOUNDS))
    # language models have a head for spans too, but the token that stands for no answer would see nothing of the text
    decoders = _tables()[_CAUSAL] - _tables()[_MASKED] if name == _ANSWERS else frozenset()
    return table - _MORE_THAN_TEXT - encoders - decoders - (listeners if name == _SEQUENCES else frozenset())


def advised(task_name: str) -> str:
    """A sentence that says what kind of model a task needs."""
    name = _TABLES.get(task_name, "")
    if name == _CAUSAL:
        return "Choose a language model such as SmolLM2, Qwen or Llama."
    if name == _SEQUENCES:
        return "Choose an encoder-decoder such as T5, BART or Marian."
    return "Choose an encoder such as BERT or MiniLM."


def refuses_encoder_decoder(task_name: str) -> bool:
    """Whether a model that reads with one half and writes with the other is the wrong kind for this task."""
    return task_name in _TABLES and task_name not in _ENCODER_DECODER_TASKS
