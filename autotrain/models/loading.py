"""Loading a base model and its tokenizer from a local folder: safetensors only, no code of the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autotrain.errors import ModelError
from autotrain.models.vocabulary import widen
from autotrain.models.weights import options

_OPTIONS = {"local_files_only": True, "trust_remote_code": False}


def load_tokenizer(model: Path) -> Any:
    """The model's tokenizer, with a padding token: language models come without one and pad with their end token.

    Rows are padded on the right, where no position is moved; whoever writes on pads on the left himself.

    Raises:
        ModelError: there is no tokenizer that transformers can load.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, **_OPTIONS)
    except MemoryError:
        raise
    except Exception as error:  # the files are somebody else's: what they raise when damaged is not a known few
        raise ModelError(
            f"The tokenizer of {model} cannot be loaded ({_first_line(error)}). "
            "Choose a model folder that holds tokenizer.json or the tokenizer's own files.",
            code="no-tokenizer",
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise ModelError(
            f"The tokenizer of {model} has neither a padding token nor an end token, so texts of different length "
            "cannot share a batch. Name a pad_token in its tokenizer_config.json or choose another model.",
            code="no-tokenizer",
        )
    tokenizer.padding_side = "right"
    return tokenizer


def load_classifier(model: Path, labels: Sequence[str], tokenizer: Any, *, each_token: bool = False) -> Any:
    """The base model with a new classification head for `labels`.

    The head answers for the text as a whole, or with `each_token` for every token of it. Layers that the folder has no
    weights for are named in `new_layers`.

    Raises:
        ModelError: no safetensors weights, weights of something else, or an architecture that cannot classify texts.
    """
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

    headed = AutoModelForTokenClassification if each_token else AutoModelForSequenceClassification
    loaded, absent = _loaded(
        headed,
        model,
        f"for {'tagging' if each_token else 'text classification'}",
        "Choose an encoder or language model",
        ignore_mismatched_sizes=True,  # a base that was a classifier before brings a head of another size
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    _require_body(model, loaded, absent)
    loaded.new_layers = sorted({name.rsplit(".", 1)[0] for name in absent})
    # A language model's head answers at the last token that is no padding, and has to know which one that is.
    loaded.config.pad_token_id = tokenizer.pad_token_id
    return widen(loaded, tokenizer)


def load_causal(model: Path, tokenizer: Any) -> Any:
    """The base model as a language model that writes.

    Raises:
        ModelError: no safetensors weights, weights of something else, or an architecture that cannot write.
    """
    from transformers import AutoModelForCausalLM

    advice = "Choose a language model such as SmolLM2, Qwen or Llama"
    loaded, absent = _loaded(AutoModelForCausalLM, model, "as a language model", advice)
    _require_body(model, loaded, absent)
    if loaded.config.pad_token_id is None:
        loaded.config.pad_token_id = tokenizer.pad_token_id
    return widen(loaded, tokenizer)


def load_encoder(model: Path) -> Any:
    """The base model without any head: it gives a vector for each token.

    Its pooler, a layer behind the first token that masked-word encoders have, is left out: nothing would be learned.

    Raises:
        ModelError: no safetensors weights, or weights of something else.
    """
    from transformers import AutoModel

    loaded, absent = _loaded(AutoModel, model, "as an encoder", "Choose an encoder such as BERT or MiniLM")
    _require_body(model, loaded, {f"{loaded.base_model_prefix}.{name}" for name in absent})
    if getattr(loaded, "pooler", None) is not None:
        loaded.pooler = None
    return loaded


def load_seq2seq(model: Path, tokenizer: Any) -> Any:
    """The base model as one that reads a text and writes another.

    What the base was made to write by (a least length, beams, an end that is forced at the limit) is left behind: it
    belongs to its old task, and a forced end would hide that a text came to none.

    Raises:
        ModelError: no safetensors weights, weights of something else, or an architecture without a decoder.
    """
    from transformers import AutoModelForSeq2SeqLM, GenerationConfig

    advice = "Choose one such as T5, BART or Marian"
    loaded, absent = _loaded(AutoModelForSeq2SeqLM, model, "as an encoder-decoder", advice)
    if absent - {"final_logits_bias"}:  # none of its layers is new, so that every one must be there
        raise _strange_weights(model, absent)
    if loaded.config.pad_token_id is None:
        loaded.config.pad_token_id = tokenizer.pad_token_id
    loaded.generation_config = GenerationConfig(eos_token_id=loaded.generation_config.eos_token_id)
    return loaded


def load_extractive(model: Path, tokenizer: Any) -> Any:
    """The base model with a head that gives each token a score as an answer's first and as its last one.

    A base that was tuned on questions keeps its head; else it is new and named in `new_layers`.

    Raises:
        ModelError: no safetensors weights, weights of something else, an architecture without such a head, or a
            tokenizer that does not know where in a text its tokens stand.
    """
    from transformers import AutoModelForQuestionAnswering

    loaded, absent = _loaded(
        AutoModelForQuestionAnswering,
        model,
        "for question answering",
        "Choose an encoder",
        ignore_mismatched_sizes=True,  # as in load_classifier
        num_labels=2,
    )
    _require_body(model, loaded, absent)
    _require_places(model, tokenizer)
    loaded.new_layers = sorted({name.rsplit(".", 1)[0] for name in absent})
    return loaded


def load_masked(model: Path, tokenizer: Any) -> Any:
    """The base model as one that knows the words under a mask.

    Sentence encoders come without the head for that: then its layers are new and named in `new_layers`, all but the
    last one, which is the word embeddings again; its bias, which the folder has no weights for either, is zero.

    Raises:
        ModelError: no safetensors weights, weights of something else, an architecture without such a head, or a
            tokenizer without a sign for a masked word.
    """
    import torch
    from transformers import AutoModelForMaskedLM

    loaded, absent = _loaded(AutoModelForMaskedLM, model, "for masked words", "Choose an encoder")
    _require_body(model, loaded, absent)
    _require_places(model, tokenizer)
    if tokenizer.mask_token_id is None:
        raise ModelError(
            f"The tokenizer of {model} has no sign for a masked word (mask_token). "
            "Choose an encoder that was trained on masked words, such as BERT, RoBERTa or MiniLM.",
            code="no-mask-token",
        )
    output = next(name for name, part in loaded.named_modules() if part is loaded.get_output_embeddings())
    biases = {name for name in absent if name.endswith("bias") and f"{output}.".startswith(name[: -len("bias")])}
    with torch.no_grad():
        for name in biases:
            loaded.get_parameter(name).zero_()
    loaded.new_layers = sorted({name.rsplit(".", 1)[0] for name in absent - biases})
    return loaded


def _loaded(
    headed: Any, model: Path, what: str, advice: str, *, ignore_mismatched_sizes: bool = False, **settings: Any
) -> tuple[Any, set[str]]:
    """A model without dropout in the form that is wished, and the names of the weights that its folder lacks.

    Dropout in frozen layers costs a fifth of a step on a CPU (masks, and the slower attention they ask for); the
    adapter has its own.

    Args:
        headed: one of transformers' auto classes.
        model: the folder.
        what: for or as what it is loaded, for the error.
        advice: what to choose instead.
        ignore_mismatched_sizes: whether weights of another size are like missing ones.
        settings: put into its configuration.
    """
    import torch
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(model, **_OPTIONS)
        for part in (config, getattr(config, "encoder", None), getattr(config, "decoder", None)):
            _without_dropout(part)
        for name, value in settings.items():
            setattr(config, name, value)
        loaded, gaps = headed.from_pretrained(
            model,
            config=config,
            use_safetensors=True,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            output_loading_info=True,
            **options(),
            **_OPTIONS,
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # the files are somebody else's; safetensors, for one, has an error of its own
        raise ModelError(
            f"The base model in {model} cannot be loaded {what} ({_first_line(error)}). "
            f"{advice} with config.json and safetensors weights.",
            code="model-load",
        ) from error
    return loaded, {*gaps["missing_keys"], *(name for name, *_ in gaps["mismatched_keys"])}


def _require_places(model: Path, tokenizer: Any) -> None:
    """Raise ModelError when the tokenizer cannot say where its tokens stand in a text."""
    if not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of {model} cannot tell where in a text its tokens stand. "
            "Choose a model with a fast tokenizer (tokenizer.json).",
            code="no-offsets",
        )


def _without_dropout(config: Any) -> None:
    for name, value in vars(config).items() if config is not None else ():
        if "drop" in name and isinstance(value, float):
            setattr(config, name, 0.0)


def _require_body(model: Path, loaded: Any, absent: set[str]) -> None:
    """Raise ModelError when the body of the model, not only its head, would be left with random weights."""
    # A pooler is a head in all but name: encoders trained on masked words come without one.
    body = {name for name in absent if name.startswith(f"{loaded.base_model_prefix}.") and ".pooler." not in name}
    if body:
        raise _strange_weights(model, body)


def _strange_weights(model: Path, absent: set[str]) -> ModelError:
    return ModelError(
        f"The weights in {model} do not belong to its config.json: {len(absent)} tensors are missing or of another "
        f"size, {min(absent)} for one. Download the model again or choose another.",
        code="model-load",
    )


def longest_input(model: Any, tokenizer: Any) -> int:
    """The longest input in tokens that the model has positions for."""
    return _longest(model.config, tokenizer)


def longest_input_of(folder: Path, tokenizer: Any) -> int:
    """The longest input of the model in a folder, by its configuration alone: no weights are loaded."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, **_OPTIONS)
    except (OSError, ValueError, KeyError):  # a folder with a tokenizer only
        config = None
    return _longest(config, tokenizer)


def longest_output(model: Any) -> int:
    """The longest text in tokens that an encoder-decoder has positions for to write."""
    named = ("max_decoder_position_embeddings", "max_position_embeddings")
    configs = (getattr(model.config, "decoder", None), model.config)
    found = [getattr(config, name, None) for config in configs for name in named]
    return next((number for number in found if isinstance(number, int)), 10**9)


def _longest(config: Any, tokenizer: Any) -> int:
    named = ("max_encoder_position_embeddings", "max_position_embeddings")
    configs = (getattr(config, "encoder", None), config)
    found = [getattr(each, name, None) for each in configs for name in named]
    positions = next((number for number in found if isinstance(number, int) and number), 10**9)
    # RoBERTa and its kin reserve the positions up to the padding token's.
    if getattr(config, "model_type", "") in {"roberta", "xlm-roberta", "camembert"}:
        positions -= 2
    return int(min(positions, tokenizer.model_max_length))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")
