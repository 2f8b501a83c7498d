"""Publishing an adapter: checked before, sent with its progress, made real by one commit, and never done twice."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotrain.errors import AutotrainError, HubError, HubUnreachable, RepositoryError, TokenError
from autotrain.events import Finding
from autotrain.hub.account import Identity, identity
from autotrain.hub.client import connect, endpoint
from autotrain.hub.failures import TOKENS_PAGE, invalid_name, pause_asked_for, token_missing, translated
from autotrain.hub.staging import Upload, size_of, staged, upload_of
from autotrain.hub.transfer import Progress, Transfer, additions
from autotrain.models.catalogue import ModelEntry
from autotrain.runs.folder import RunFolder

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

PAUSES = (1.0, 4.0, 15.0)
"""Seconds between tries when the Hub stumbles. Longer trouble is for the person to retry."""

LONGEST_PAUSE = 120.0
"""When the Hub asks to wait longer than this, say so instead of waiting."""

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")


class Publisher:
    """Publishes with one token. Every step can be repeated: what is there already is left as it is."""

    def __init__(self, token: str | None, *, pauses: Sequence[float] = PAUSES) -> None:
        self._token = token
        self._pauses = tuple(pauses)
        self._identity: Identity | None = None

    @property
    def identity(self) -> Identity | None:
        """Whose token it is, once a check or a publication asked: the Hub allows that question only now and then."""
        return self._identity

    def check(self, upload: Upload) -> list[Finding]:
        """What would keep this from being published: the adapter's files, and everything `check_target` sees."""
        try:
            staged(upload)
        except AutotrainError as error:
            return [Finding.of(error)]
        return self.check_target(upload.repository, private=upload.private)

    def check_target(self, repository: str, *, private: bool) -> list[Finding]:
        """What is wrong or worth knowing about a repository to publish to, before anything is spent on training.

        A Hub that does not answer is a warning: training does not need it, and publishing can be done later.
        """
        try:
            name = self.resolve(repository)
            with translated(name):
                existing = _existing(connect(self._token), name)
        except HubUnreachable as error:
            return [Finding.of(error, "warning")]
        except AutotrainError as error:
            return [Finding.of(error)]
        return [] if existing is None else [_will_update(name, bool(existing.private), private)]

    def publish(self, upload: Upload, progress: Progress | None = None) -> str:
        """Publish; returns the repository's address. `progress` gets bytes done and total, also while waiting.

        Raises:
            TokenError: the token is missing, wrong, or may not write there.
            RepositoryError: the name is invalid or someone else's.
            HubUnreachable: the Hub does not answer, after several tries. The same call again goes on where it was.
            HubError: the Hub refused, or there is no adapter to publish.
        """
        files = staged(upload)
        transfer = Transfer(sum(size_of(content) for content in files.values()), progress)

        def once() -> str:
            name = self.resolve(upload.repository)
            with translated(name):
                _attempt(connect(self._token), name, upload, files, transfer)
            return name

        name = self._patiently(once, transfer)
        transfer.finish()
        return f"{endpoint()}/{name}"

    def publish_run(
        self,
        run: RunFolder,
        operation_id: str,
        repository: str,
        base: ModelEntry,
        *,
        private: bool,
        dataset: str | None = None,
        progress: Progress | None = None,
    ) -> str:
        """Publish a finished run from its folder; returns the repository's address. Base model and data are named.

        Raises: as `publish`.
        """
        name = self._patiently(lambda: self.resolve(repository), Transfer(0, progress))
        return self.publish(upload_of(run, operation_id, name, base, private=private, dataset=dataset), progress)

    def _patiently(self, step: Callable[[], str], transfer: Transfer) -> str:
        """A step's result, tried again after each pause while the Hub only stumbles."""
        for pause in self._pauses:
            try:
                return step()
            except HubError as error:
                wait = _wait_before_retry(error, pause)
                if wait is None:
                    raise
                transfer.idle(wait, time.sleep)
        return step()

    def resolve(self, repository: str) -> str:
        """A repository as `owner/name`, once it is known that the name is valid and the token may write there.

        Raises: RepositoryError, TokenError, HubUnreachable.
        """
        name = repository.strip()
        parts = name.split("/")
        if len(parts) > 2 or not all(_valid(part) for part in parts):
            raise invalid_name(name)
        if self._token is None:
            raise token_missing()
        if self._identity is None:
            self._identity = identity(self._token)
        if len(parts) == 1:
            name = f"{self._identity.name}/{name}"
        if not self._identity.may_write(name):
            raise _may_not_write(self._identity, name)
        return name


def _attempt(api: HfApi, name: str, upload: Upload, files: Mapping[str, bytes | Path], transfer: Transfer) -> None:
    """One try. The commit names its parent: whatever else changes the repository meanwhile, nothing is lost."""
    before = _existing(api, name)
    if before is None:
        api.create_repo(name, private=upload.private, exist_ok=True)
        before = api.model_info(name)
    if upload.private and not before.private:
        api.update_repo_settings(name, private=True)  # before anything new could be seen
    if not _is_there(api, name, upload.operation_id):
        operations = additions(files, transfer)
        for operation in operations:
            if operation.path_in_repo.endswith(".safetensors"):
                api.preupload_lfs_files(name, [operation], free_memory=False)
                transfer.at(operation.path_in_repo, operation.upload_info.size)
        api.create_commit(
            name,
            operations,
            commit_message=_title(upload.operation_id),
            commit_description="Adapter, model card, recipe and evaluation from AutoTrain Studio.",
            parent_commit=before.sha,
        )
    if before.private and not upload.private:
        api.update_repo_settings(name, private=False)


def _title(operation_id: str) -> str:
    """The commit's title, which is also how a second try sees that the first one arrived."""
    return f"Publish adapter (operation {operation_id})"


def _is_there(api: HfApi, name: str, operation_id: str) -> bool:
    return any(commit.title == _title(operation_id) for commit in api.list_repo_commits(name))


def _existing(api: HfApi, name: str) -> ModelInfo | None:
    """The repository as it is, or None."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return api.model_info(name)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return None


def _wait_before_retry(error: HubError, pause: float) -> float | None:
    """Seconds to wait before the next try; None when there is none, or when it would not help."""
    passing = (isinstance(error, HubUnreachable) and error.code != "offline") or error.code == "conflict"
    asked = pause_asked_for(error) or 0.0
    if not passing or asked > LONGEST_PAUSE:
        return None
    return max(pause, asked)


def _valid(part: str) -> bool:
    """Whether the Hub would take this as the name of an account or a repository."""
    return bool(_NAME.fullmatch(part)) and "--" not in part and ".." not in part and not part.endswith(".git")


def _may_not_write(who: Identity, name: str) -> AutotrainError:
    """Why a token may not write to a repository: its own limits, or someone else's name."""
    owner, _, short = name.partition("/")
    if owner not in (who.name, *who.organisations):
        return RepositoryError(
            f'"{name}" belongs to {owner}, and the token belongs to {who.name}. Use "{who.name}/{short}".',
            code="not-yours",
        )
    if not who.can_write:
        return TokenError(
            f"The token of {who.name} may only read. "
            f"Make one with write permission at {TOKENS_PAGE} and save it in Settings.",
            code="token-read-only",
        )
    return TokenError(
        f"The token of {who.name} may not write to {owner}. "
        f"Give it write permission there at {TOKENS_PAGE}, or choose another owner.",
        code="token-forbidden",
    )


def _will_update(name: str, is_private: bool, private: bool) -> Finding:
    change = "" if is_private == private else f" and it becomes {'private' if private else 'public'}"
    return Finding(
        severity="warning",
        code="repository-exists",
        message=f"{name} exists already: files of the same name are replaced{change}.",
        remedy="Its history keeps the old ones; choose another name for a repository of its own.",
    )
