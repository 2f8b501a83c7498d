"""Routes of the Hub account and of this machine, for the page Settings."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from pydantic import BaseModel, Field

from autotrain import __version__
from autotrain.training.hardware import disk_free, hardware
from autotrain.ui.services import Services

LIBRARIES = ("torch", "transformers", "peft", "datasets", "huggingface_hub", "gradio")


class AccountView(BaseModel):
    """Whether there is a token and where it came from. The token itself is never sent."""

    has_token: bool
    origin: str | None


class IdentityView(BaseModel):
    """Who the token belongs to and where it may write."""

    name: str
    role: str
    can_write: bool
    writable: list[str]


class NewToken(BaseModel):
    """A token to keep."""

    token: str = Field(max_length=500)


class DeviceView(BaseModel):
    """A graphics card."""

    name: str
    title: str
    memory_total: int
    memory_free: int


class MachineView(BaseModel):
    """What this machine has and which versions run on it."""

    title: str
    cpu: str
    cpu_count: int
    memory_total: int
    memory_available: int
    disk_free: int
    devices: list[DeviceView]
    home: str
    versions: dict[str, str]


def router(services: Services) -> APIRouter:
    """Routes under `/account` and `/machine`."""
    made = APIRouter(tags=["settings"])
    account = services.account

    @made.get("/account")
    def show() -> AccountView:
        """Whether there is a token."""
        found = account.find()
        return AccountView(has_token=found is not None, origin=found.origin if found else None)

    @made.put("/account")
    def save(new: NewToken) -> AccountView:
        """Keep a token, encrypted."""
        account.save(new.token)
        return show()

    @made.delete("/account")
    def forget() -> AccountView:
        """Forget the saved token."""
        account.forget()
        return show()

    @made.post("/account/identity")
    def identity() -> IdentityView:
        """Ask the Hub whose token it is."""
        found = account.identity()
        return IdentityView(
            name=found.name, role=found.role, can_write=found.can_write, writable=sorted(found.writable)
        )

    @made.get("/machine")
    def machine() -> MachineView:
        """Devices, memory, disk, versions, the data home."""
        here = hardware()
        return MachineView(
            title=here.title,
            cpu=here.cpu_name,
            cpu_count=here.cpu_count,
            memory_total=here.memory_total,
            memory_available=here.memory_available,
            disk_free=disk_free(services.settings.root),
            devices=[
                DeviceView(name=c.name, title=c.title, memory_total=c.memory_total, memory_free=c.memory_free)
                for c in here.accelerators
            ],
            home=str(services.settings.root),
            versions=_versions(),
        )

    return made


def _versions() -> dict[str, str]:
    found = {"AutoTrain Studio": __version__, "Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
