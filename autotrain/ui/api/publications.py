"""Routes of publishing: check the target, see the card, push, try again."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query
from markdown_it import MarkdownIt
from pydantic import BaseModel, Field

from autotrain.errors import TokenError
from autotrain.events import Finding
from autotrain.hub.account import Account
from autotrain.hub.publish import Publisher
from autotrain.hub.staging import named_base, trained_whole, upload_of
from autotrain.recipe import loads
from autotrain.runs.folder import RunFolder
from autotrain.ui.api.views import PublicationView, publication_view
from autotrain.ui.services import Services

# Raw HTML stays text and pictures stay links, so that a card's preview loads nothing and runs nothing.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


class Target(BaseModel):
    """Where to publish: `name`, or `owner/name`."""

    repository: str = Field(min_length=1, max_length=200)
    private: bool = True


class Checked(BaseModel):
    """What would keep a publication from working, and whose token would be used."""

    account: str | None
    findings: list[Finding]


class Card(BaseModel):
    """The model card as Markdown and as safe HTML, and programs that use the adapter."""

    markdown: str
    html: str
    python: str
    space: str
    """`app.py` of a Gradio Space."""
    inputs: dict[str, str]
    """What the adapter is asked over HTTP."""


def router(services: Services) -> APIRouter:
    """Routes under `/runs/{run_id}` and `/publications`."""
    made = APIRouter(tags=["publications"])
    store = services.store

    @made.post("/runs/{run_id}/publications/check")
    def check(run_id: str, target: Target) -> Checked:
        """Check token and repository, before anything is sent."""
        store.get(run_id)
        return checked(target.repository, target.private, services.account)

    @made.post("/runs/{run_id}/publish", status_code=202)
    def publish(run_id: str, target: Target) -> PublicationView:
        """Wish a finished run published. The worker does it; GET the run to follow."""
        publication = store.request_publication(run_id, target.repository.strip(), private=target.private)
        services.nudge("publication", publication.id)
        return publication_view(publication)

    @made.post("/publications/{publication_id}/retry", status_code=202)
    def retry(publication_id: str) -> PublicationView:
        """Try a failed publication again; only what is missing is sent."""
        publication = store.retry_publication(publication_id)
        services.nudge("publication", publication.id)
        return publication_view(publication)

    @made.get("/runs/{run_id}/card")
    def card(run_id: str, repository: Annotated[str, Query(max_length=200)] = "") -> Card:
        """The model card as it will look."""
        run = store.get(run_id)
        folder = RunFolder(services.settings.runs / run.id)
        base = services.catalogue.resolve(run.model)
        markdown = upload_of(folder, "preview", repository or run.id, base, private=True, dataset=run.dataset).card
        body = re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL)
        body = re.sub(r"</?(?:details|summary)>", "", body)
        recipe, names = loads(run.recipe, run.id), (repository or run.id, named_base(base))
        whole = trained_whole(recipe.params)
        task, columns = recipe.the_task(), recipe.data.columns if recipe.data is not None else {}
        return Card(
            markdown=markdown,
            html=_MARKDOWN.render(body),
            python=task.manual.python(*names, whole=whole),
            space=task.manual.app(*names, whole=whole),
            inputs={
                role.role: f"Put a {role.title.lower()} of your own here."
                for role in task.asks
                if role.required or role.role in columns
            },
        )

    return made


def checked(repository: str, private: bool, account: Account) -> Checked:
    """A target looked at. Each time anew, so that a Hub that was down is found well again."""
    try:
        token = account.token()
    except TokenError as error:
        return Checked(account=None, findings=[Finding.of(error)])
    publisher = Publisher(token, pauses=())
    findings = publisher.check_target(repository.strip(), private=private)
    return Checked(account=publisher.identity.name if publisher.identity else None, findings=findings)
