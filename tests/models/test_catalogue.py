"""The dropdown: what is on this machine, what the Hub adds, and what a typed reference means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.errors import HubUnreachable, ModelError
from autotrain.models.catalogue import Catalogue, HubModel, cache_folder, parse_ref
from autotrain.settings import Settings

TASK = "text-classification"


def put_in_cache(cache: Path, model: Path, name: str, commit: str, **refs: str) -> Path:
    """A model as huggingface_hub lays it out: blobs, snapshots of links, refs."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir(exist_ok=True)
    for file in model.iterdir():
        blob = repository / "blobs" / f"{commit}-{file.name}"
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(blob)
    for ref, target in (refs or {"main": commit}).items():
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / ref).write_text(target)
    return snapshot


def test_the_starter_comes_first_and_is_recommended(catalogue: Catalogue) -> None:
    (entry,) = catalogue.local()
    assert (entry.id, entry.source, entry.license) == ("all-minilm-l6-v2", "starter", "apache-2.0")
    assert entry.parameters == 22_713_216 and entry.path is not None and (entry.path / "config.json").is_file()
    best = catalogue.recommended(TASK)
    assert best == entry and "Recommended" in entry.reason
    assert catalogue.recommended("image-classification") is None


def test_folders_in_the_data_home_are_offered_but_not_unfinished_ones(bert: Path, catalogue: Catalogue) -> None:
    shutil.copytree(bert, catalogue.settings.models / "mine")
    shutil.copytree(bert, catalogue.settings.models / ".adding-other")
    shutil.copytree(bert, catalogue.settings.models / "broken")
    (catalogue.settings.models / "broken" / "model.safetensors").unlink()
    assert [entry.id for entry in catalogue.local()] == ["all-minilm-l6-v2", "mine"]
    assert catalogue.folder("mine") == catalogue.settings.models / "mine"
    assert [finding.code for finding in catalogue.check("broken", TASK)] == ["no-weights"]


def test_a_typed_path_is_a_model(bert: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalogue.resolve(str(bert))
    assert (entry.source, entry.title, entry.architecture, entry.path) == ("folder", "tiny-bert", "bert", bert)
    monkeypatch.chdir(bert.parent)
    assert catalogue.resolve("./tiny-bert").id == str(bert)
    with pytest.raises(ModelError, match="does not exist"):
        catalogue.resolve("./nothing")


def test_cached_models_are_offered_by_their_public_name(bert: Path, catalogue: Catalogue, empty_cache: Path) -> None:
    main = put_in_cache(empty_cache, bert, "owner/model", "a" * 40)
    tagged = put_in_cache(empty_cache, bert, "owner/model", "b" * 40, main="a" * 40, v1="b" * 40)
    put_in_cache(empty_cache, bert, "owner/other", "c" * 40)
    ((empty_cache / "models--owner--other" / "snapshots" / ("c" * 40)) / "model.safetensors").unlink()
    (empty_cache / "datasets--owner--rows").mkdir()
    assert [entry.id for entry in catalogue.local()[1:]] == ["owner/model", "owner/model@v1"]
    assert catalogue.folder("owner/model") == main
    assert catalogue.folder("owner/model@v1") == tagged
    with pytest.raises(ModelError, match="not on this machine"):
        catalogue.folder("owner/model@v2")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HF_HUB_CACHE", "/x/y", "/x/y"),
        ("HF_HOME", "/x", "/x/hub"),
        ("XDG_CACHE_HOME", "/c", "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_hub_client_has_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_the_public_name_of_the_starter_means_the_copy_on_this_machine(catalogue: Catalogue) -> None:
    assert catalogue.resolve("sentence-transformers/all-MiniLM-L6-v2").source == "starter"
    assert catalogue.resolve("All-MiniLM-L6-v2").source == "starter"
    assert catalogue.resolve("sentence-transformers/all-MiniLM-L6-v2@main").source == "hub"


@pytest.mark.parametrize("ref", ["", "a b", "owner/a/b", "../up/../x@", "owner/..", "owner/a--b", "<script>", "@main"])
def test_what_can_be_no_model_is_refused(catalogue: Catalogue, ref: str) -> None:
    with pytest.raises(ModelError):
        catalogue.resolve(ref)
    (finding,) = catalogue.check(ref, TASK)
    assert finding.severity == "error" and finding.message and finding.remedy


def test_a_model_that_could_be_added_says_how(catalogue: Catalogue) -> None:
    with pytest.raises(ModelError, match="autotrain models add smollm2-135m-instruct"):
        catalogue.resolve("SmolLM2-135M-Instruct")


def test_a_hub_id_is_taken_at_its_word(catalogue: Catalogue) -> None:
    entry = catalogue.resolve("owner/model@abc")
    assert (entry.id, entry.hub_id, entry.revision, entry.source) == ("owner/model@abc", "owner/model", "abc", "hub")
    with pytest.raises(ModelError, match="not on this machine"):
        catalogue.folder("owner/model@abc")


def test_typing_narrows_and_the_hub_follows_what_is_here(settings: Settings) -> None:
    asked: list[tuple[str, int]] = []

    def search(query: str, limit: int) -> list[HubModel]:
        asked.append((query, limit))
        twin = HubModel("sentence-transformers/all-MiniLM-L6-v2", downloads=9)
        return [twin, HubModel("owner/minilm-x", license="mit", gated=True, parameters=7)]

    catalogue = Catalogue(settings, search)
    found = catalogue.choices(" MiniLM ", TASK, limit=5)
    assert [entry.id for entry in found.entries] == ["all-minilm-l6-v2", "owner/minilm-x"]
    assert found.entries[1].gated and found.note is None and asked == [("MiniLM", 5)]
    assert [entry.id for entry in catalogue.choices("x", TASK, hub=False).entries] == []
    assert [entry.source for entry in catalogue.choices("").entries] == ["starter"]
    assert len(asked) == 1


def test_without_the_hub_the_machines_own_models_remain(settings: Settings) -> None:
    def search(query: str, limit: int) -> list[HubModel]:
        raise HubUnreachable("The Hub does not answer.")

    found = Catalogue(settings, search).choices("minilm", TASK)
    assert [entry.id for entry in found.entries] == ["all-minilm-l6-v2"]
    assert found.note is not None and "The Hub does not answer." in found.note


@given(
    st.text(min_size=1).filter(lambda text: "@" not in text and text == text.strip()), st.from_regex(r"\A[\w./-]+\Z")
)
def test_a_reference_splits_at_the_first_at_sign(name: str, revision: str) -> None:
    expected = (name + "@" + revision, None) if name.startswith((".", "~", "/")) else (name, revision.strip())
    assert tuple(parse_ref(f"{name}@{revision}")) == expected
    assert parse_ref(name) == (name, None)
