"""What every page needs, made once by the composition root and handed down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autotrain.data.store import DatasetStore
from autotrain.hub.account import Account
from autotrain.hub.datasets import HubDatasets
from autotrain.models.catalogue import Catalogue
from autotrain.runs.store import RunStore
from autotrain.settings import Settings
from autotrain.ui.imports import Imports


@dataclass(frozen=True)
class Services:
    """The seams a page may use. It holds no run state, only ways to ask for it."""

    settings: Settings
    store: RunStore
    nudge: Callable[[str, str], None]
    datasets: DatasetStore
    catalogue: Catalogue
    account: Account
    hub: HubDatasets
    imports: Imports = field(default_factory=Imports)
