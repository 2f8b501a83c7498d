"""What leaves the machine: adapter, card, recipe and evaluation, without rows, paths or tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from autotrain.data.freeze import MAPPING_FILE
from autotrain.data.steps import STEPS
from autotrain.errors import HubError
from autotrain.hub.card import CardFacts, model_card
from autotrain.hub.datasets import SCHEME, parse_source
from autotrain.models.catalogue import ModelEntry
from autotrain.redaction import redact
from autotrain.report import Report
from autotrain.runs.folder import RunFolder
from autotrain.table import Profile
from autotrain.tasks import TASKS

SUFFIXES = (".safetensors", ".json", ".txt", ".model", ".jinja")
"""Everything an adapter needs. Pickles such as training_args.bin, checkpoints and logs stay here."""

LEFT_OUT = frozenset({"trainer_state.json", "report.json", "README.md"})

_PATHS = ("base_model_name_or_path", "name_or_path", "_name_or_path", "vocab_file", "tokenizer_file", "cache_dir")
"""Keys under which transformers and PEFT write down where something lay on the machine that saved it."""

_BASE = ("base_model_name_or_path", "_name_or_path")


@dataclass(frozen=True)
class Upload:
    """One publication: the same `operation_id` twice is one publication. `repository` is `name` or `owner/name`.

    `artifact` is the adapter's folder, `card` the README, `extras` further text files by name. `base` replaces a local
    path to the base model in the adapter's own configuration.
    """

    operation_id: str
    artifact: Path
    card: str
    repository: str
    private: bool = True
    extras: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None


def upload_of(
    run: RunFolder, operation_id: str, repository: str, base: ModelEntry, *, private: bool, dataset: str | None = None
) -> Upload:
    """The publication of a finished run, made from its folder. `dataset` names the data, where the recipe has an id.

    Raises:
        HubError: the run's folder has no finished adapter or no report.
    """
    try:
        report = Report.model_validate_json(run.report.read_text("utf-8"))
        profile = Profile.model_validate_json((run.data / "profile.json").read_text("utf-8"))
        recipe = public_recipe(run.recipe.read_text("utf-8"), base, _published_source(run) or dataset)
    except (OSError, ValueError) as error:
        raise HubError(
            f"The run in {run.path.name} cannot be published: its report, profile or recipe is missing or damaged. "
            "Run it again.",
            code="nothing-to-publish",
        ) from error
    card = model_card(_facts(run, recipe, repository, base), report, profile)
    judged = report.judgement and report.judgement.model_copy(update={"verdicts": ()})  # a judge's words quote rows
    evaluation = report.model_copy(update={"mistakes": (), "examples": (), "written": (), "judgement": judged})
    extras = {"recipe.yaml": recipe, "report.json": evaluation.model_dump_json(indent=2)}
    return Upload(operation_id, run.adapter, card, repository, private, extras, base.hub_id or Path(base.id).name)


def public_recipe(text: str, base: ModelEntry, dataset: str | None = None) -> str:
    """A recipe that means something elsewhere: names in place of paths and ids, the base model's name on the Hub."""
    recipe: dict[str, Any] = yaml.safe_load(text)
    recipe["model"] = _with_revision(base)
    data = recipe.get("data")
    if isinstance(data, dict) and "source" in data:
        named = dataset or str(data["source"])
        data["source"] = named if named.startswith(SCHEME) else Path(named).name
    recipe.pop("publish", None)
    return redact(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100))


def staged(upload: Upload) -> dict[str, bytes | Path]:
    """Every file of the publication: small ones as the bytes that are sent, weights as the file they lie in.

    Raises:
        HubError: the folder holds no adapter.
    """
    files: dict[str, bytes | Path] = {}
    for path in sorted(upload.artifact.glob("*")):
        if path.suffix in SUFFIXES and path.name not in LEFT_OUT and path.is_file() and not path.is_symlink():
            files[path.name] = path
    complete = "adapter_config.json" in files or "config.json" in files  # an adapter, or a model trained as a whole
    if not complete or not any(name.endswith(".safetensors") for name in files):
        raise HubError(
            f"{upload.artifact} holds no finished adapter or model (adapter_config.json or config.json, and "
            "safetensors). Finish the run first.",
            code="nothing-to-publish",
        )
    for name in ("adapter_config.json", "tokenizer_config.json", "config.json"):
        if name in files:
            files[name] = _without_paths(upload.artifact / name, upload.base)
    files |= {name: redact(text).encode() for name, text in upload.extras.items()}
    files["README.md"] = redact(upload.card).encode()
    return files


def size_of(content: bytes | Path) -> int:
    """Bytes of a staged file."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _facts(run: RunFolder, recipe: str, repository: str, base: ModelEntry) -> CardFacts:
    """What the card says, from the frozen recipe."""
    parsed: dict[str, Any] = yaml.safe_load(recipe)
    data: dict[str, Any] = parsed.get("data") or {}
    source = str(data.get("source") or "data")
    published = parse_source(source).name if source.startswith(SCHEME) else None
    task = TASKS[str(parsed["task"])]
    whole = trained_whole(parsed.get("params") or {})
    return CardFacts(
        title=repository.rpartition("/")[2],
        repository=repository,
        task=task.name,
        pipeline_tag=task.pipeline_tag,
        base_name=base.title,
        base_id=base.hub_id,
        base_license=base.license,
        columns=dict(data.get("columns") or {}),
        dataset=published or source,
        dataset_id=published,
        recipe=recipe,
        whole=whole,
        steps=tuple(step.sentence() for step in STEPS.validate_python(data.get("steps") or ())),
        python=task.manual.python(repository, named_base(base), whole=whole),
        limits=task.manual.limits,
    )


def trained_whole(params: Mapping[str, Any]) -> bool:
    """Whether a recipe's parameters make a model of its own and no adapter."""
    return params.get("training_method") == "full"


def named_base(base: ModelEntry) -> str:
    """The base model as a program names it: on the Hub, else a folder beside the program."""
    return base.hub_id or f"./{base.title}"


def _published_source(run: RunFolder) -> str | None:
    """Where on the Hub the rows are from, commit and all, if they are from there."""
    try:
        mapping = json.loads((run.data / MAPPING_FILE).read_text("utf-8"))
        source = str(mapping["dataset"]["source"])
    except (OSError, ValueError, KeyError, TypeError):  # a run of an earlier version did not say it
        return None
    return source if source.startswith(SCHEME) else None


def _with_revision(base: ModelEntry) -> str:
    if base.hub_id is None:
        return Path(base.id).name
    return base.hub_id if base.revision is None else f"{base.hub_id}@{base.revision}"


def _without_paths(file: Path, base: str | None) -> bytes:
    """A configuration without places on this machine. The base model is named as others can find it."""
    config: dict[str, Any] = json.loads(file.read_text("utf-8"))
    for key in _PATHS:
        value = config.get(key)
        if not isinstance(value, str):
            continue
        if key in _BASE and base is not None:
            config[key] = base
        elif Path(value).is_absolute() or value.startswith(("~", ".")):
            config[key] = Path(value).name
    return (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()
