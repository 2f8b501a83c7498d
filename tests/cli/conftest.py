"""A data home with one finished run of the toy, for commands that look at it, and a shell to give them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from autotrain import api
from autotrain.runs.store import Run
from autotrain.settings import Settings
from tests.app import Done, command
from tests.training.toy import recipe, save_encoder, sentences, write_table


@dataclass(frozen=True)
class Studio:
    """A data home, the table its run learned from, and that run."""

    home: Path
    table: Path
    run: Run

    def __call__(self, *arguments: str | Path, **environment: str) -> Done:
        """Give a command; it must not show a traceback, whatever it does."""
        done = command(self.home, *arguments, **environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def says(self, *arguments: str | Path, **environment: str) -> str:
        """What a command prints that ends well."""
        done = self(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refuses(self, *arguments: str | Path, **environment: str) -> str:
        """The one sentence of a command that refuses."""
        done = self(*arguments, **environment)
        assert done.returncode == 1, done.stdout
        assert done.stderr.startswith("autotrain: ")
        return done.stderr


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """The data home."""
    folder = tmp_path_factory.mktemp("studio")
    rows = sentences(folder)
    table = write_table(folder / "table.csv", rows)
    model = save_encoder([text for text, _ in rows], folder / "tiny-encoder")
    wanted = recipe(table, num_train_epochs=1).model_copy(update={"model": str(model)})
    settings = Settings(home=folder / "home", redis_url=None, database_url=None)
    trained = api.train(wanted, settings=settings, name="Three languages")
    assert trained.run.state == "succeeded", trained.run.reason
    return Studio(folder / "home", table, trained.run)


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., Done]:
    """Commands on a data home of their own."""
    return lambda *arguments, **environment: command(tmp_path / "home", *arguments, **environment)
