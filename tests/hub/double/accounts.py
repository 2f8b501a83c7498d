"""Who may do what: tokens, their roles, and the namespaces they may write to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["write", "read", "fineGrained"]


@dataclass(frozen=True)
class Account:
    """The owner of a token. `organisations` maps a name to the role in it: admin, write, contributor or read.

    `writable` names the namespaces a fine-grained token may write to; other roles follow from `role`.
    """

    name: str
    role: Role = "write"
    organisations: Mapping[str, str] = field(default_factory=dict)
    writable: tuple[str, ...] = ()

    def may_read(self, namespace: str) -> bool:
        """Whether private repositories of the namespace are visible."""
        return namespace == self.name or namespace in self.organisations

    def may_write(self, namespace: str) -> bool:
        """Whether repositories may be made and changed there."""
        if self.role == "fineGrained":
            return namespace in self.writable
        if self.role == "read":
            return False
        return namespace == self.name or self.organisations.get(namespace) in {"admin", "write", "contributor"}

    def whoami(self) -> dict[str, object]:
        """The body of `/api/whoami-v2`."""
        token: dict[str, object] = {"displayName": "test", "role": self.role, "createdAt": "2026-01-01T00:00:00.000Z"}
        if self.role == "fineGrained":
            scopes = [
                {
                    "entity": {"_id": name, "type": "user" if name == self.name else "org", "name": name},
                    "permissions": ["repo.content.read", "repo.write"],
                }
                for name in self.writable
            ]
            token["fineGrained"] = {"canReadGatedRepos": True, "global": [], "scoped": scopes}
        organisations = [
            {"type": "org", "id": name, "name": name, "fullname": name, "roleInOrg": role}
            for name, role in self.organisations.items()
        ]
        return {
            "type": "user",
            "id": self.name,
            "name": self.name,
            "fullname": self.name.title(),
            "email": f"{self.name}@example.org",
            "emailVerified": True,
            "orgs": organisations,
            "auth": {"type": "access_token", "accessToken": token},
        }


WRITE, READ, OTHER, FINE_GRAINED, MEMBER = (
    "hf_" + name.ljust(34, "0")
    for name in ("aliceMayWrite", "aliceMayRead", "bobMayWrite", "aliceMayWriteToLab", "carolMayWrite")
)
"""The tokens every double knows, as long as real ones."""


def default_accounts() -> dict[str, Account]:
    """One account for each way a token can be good or bad."""
    return {
        WRITE: Account("alice", organisations={"lab": "write", "museum": "read"}),
        READ: Account("alice", "read"),
        OTHER: Account("bob"),
        FINE_GRAINED: Account("alice", "fineGrained", {"lab": "write"}, writable=("lab",)),
        MEMBER: Account("carol", organisations={"lab": "admin"}),
    }
