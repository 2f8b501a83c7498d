"""Settings from the environment (`AUTOTRAIN_*`), and the layout of the data home. One table makes help and docs."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from functools import cached_property
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from autotrain.errors import SettingsError, flaw
from autotrain.logs import Style

LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes; Redis adds a few while it starts."""

BACKUP, RESTORE, UPLOAD = ".backup-", ".restore-", ".upload-"
"""How folders in the data home begin in which something is built; what a killed process left there is swept."""

REDIS_SCHEMES = ("redis://", "rediss://", "redis+socket://")


class Settings(BaseSettings):
    """Everything that can be set from outside. Each field is read from `AUTOTRAIN_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="AUTOTRAIN_", frozen=True, extra="ignore")

    home: Path = Field(
        Path("~/.autotrain"), description="The data home: runs, datasets, models, the record, the key for secrets."
    )
    redis_url: str | None = Field(None, description="An existing Redis. Without it, `autotrain up` starts its own.")
    database_url: str | None = Field(
        None, description="An SQLAlchemy URL for the record. Without it, SQLite in the data home."
    )
    host: str = Field("127.0.0.1", description="Address the web page listens on.")
    port: int = Field(7860, ge=1, le=65535, description="Port the web page listens on.")
    slots: int = Field(
        1,
        ge=1,
        le=64,
        description="Most runs at once on a machine, if its memory suffices. Cores are divided by this number.",
    )
    lease_seconds: float = Field(
        60.0, ge=10, le=60, description="Seconds after which a run whose worker is lost is taken up by another."
    )
    log: Style = Field("text", description="How the processes log: text for people, or json, one object a line.")
    checkpoint_retention_days: int = Field(
        30, ge=1, description="Days that the checkpoints of a paused, failed or cancelled run are kept to go on from."
    )
    finished_checkpoint_retention_days: int = Field(
        1, ge=0, description="Days that those of a finished run are kept, which its adapter no longer needs."
    )
    max_upload_bytes: int = Field(10_000_000_000, gt=0, description="Largest data file accepted, in bytes.")
    import_memory_bytes: int = Field(
        4_000_000_000, gt=0, description="Memory that reading one file of a format such as JSON or Parquet may take."
    )
    import_seconds: int = Field(3600, gt=0, description="Seconds that this may take.")
    allow_urls: bool = Field(True, description="Whether data may be fetched from web addresses and cloud stores.")
    allow_private_addresses: bool = Field(
        False, description="Whether such an address may lie in a private network or on this machine."
    )
    judge_url: str | None = Field(
        None, description="An OpenAI-compatible endpoint whose model judges answers, unless Settings name another."
    )
    judge_model: str | None = Field(None, description="The judge's model there. AUTOTRAIN_JUDGE_API_KEY is its key.")
    max_cell_characters: int = Field(1_000_000, gt=0, description="Longest single cell accepted, in characters.")

    @field_validator("redis_url")
    @classmethod
    def _names_a_redis(cls, value: str | None) -> str | None:
        if value and not value.startswith(REDIS_SCHEMES):
            raise ValueError(f"it must begin with {', '.join(REDIS_SCHEMES[:-1])} or {REDIS_SCHEMES[-1]}")
        return value or None

    @cached_property
    def root(self) -> Path:
        """The data home, absolute."""
        return self.home.expanduser().resolve()

    @cached_property
    def database(self) -> str:
        """The record's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.root / 'record.sqlite'}"

    @cached_property
    def broker(self) -> str:
        """The broker's URL; the embedded one listens on a Unix socket in the data home."""
        return self.redis_url or f"redis+socket://{self.broker_socket}"

    @property
    def broker_socket(self) -> Path:
        """Unix socket of the embedded broker; where the data home lies too deep for one, in a short private folder."""
        socket = self.root / "broker" / "redis.sock"
        if len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH:
            return socket
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"autotrain-{os.getuid()}-{name}" / "redis.sock"

    @property
    def runs(self) -> Path:
        """One folder for each run."""
        return self.root / "runs"

    @property
    def datasets(self) -> Path:
        """The dataset store."""
        return self.root / "datasets"

    @property
    def models(self) -> Path:
        """Models added by name, each a folder in transformers' layout."""
        return self.root / "models"

    def prepare_home(self) -> None:
        """Make the data home and its folders.

        Raises:
            SettingsError: the data home cannot be created or written.
        """
        try:
            for folder in (self.root, self.runs, self.datasets, self.models, self.broker_socket.parent):
                folder.mkdir(parents=True, exist_ok=True)
            self.broker_socket.parent.chmod(0o700)
            probe = self.root / f".writable-{os.getpid()}"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise SettingsError(
                f"The data home {self.root} cannot be written ({error.strerror}). "
                "Set AUTOTRAIN_HOME to a folder you may write to, or free some space."
            ) from error


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        SettingsError: a value does not parse; the message lists each with its remedy.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"AUTOTRAIN_{str(item['loc'][0]).upper()} is {_shown(item['input'])}, which {flaw(dict(item))}."
            for item in error.errors()
        ]
        raise SettingsError(" ".join([*problems, "Correct or unset it and start again."])) from error


def _shown(value: object) -> str:
    """A value as a person wrote it, without the password of a URL."""
    return repr(re.sub(r"//.*@", "//…@", str(value)))
