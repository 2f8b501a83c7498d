"""Routes of the playground: what a finished adapter is asked, and its answers, at once or piece by piece."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from autotrain.answers import AnyAnswer, Asking, Sampling
from autotrain.errors import AutotrainError
from autotrain.ui.api.drafts import Role, roles
from autotrain.ui.forms import Widget, widgets
from autotrain.ui.predictions import Predictions
from autotrain.ui.services import Services

MOST_INPUTS = 256


class Inputs(BaseModel):
    """Inputs to predict: one mapping of role to text each. `untouched` asks the base model without the adapter."""

    inputs: list[dict[str, str]] = Field(min_length=1, max_length=MOST_INPUTS)
    sampling: Sampling = Sampling()
    untouched: bool = False


class Answers(BaseModel):
    """One answer for each input, in order; its `kind` says which fields it has."""

    predictions: list[AnyAnswer]


class Playground(BaseModel):
    """What the adapter of a run can be asked, and how."""

    task: str
    verb: str
    generates: bool
    asks: list[Role]
    sampling: list[Widget]


def router(services: Services, predictions: Predictions) -> APIRouter:
    """Routes under `/runs/{run_id}`."""
    made = APIRouter(prefix="/runs/{run_id}", tags=["playground"])

    @made.get("/playground")
    def playground(run_id: str) -> Playground:
        """The inputs that the adapter takes, and the settings of its answers."""
        finished = predictions.finished(run_id)
        task = finished.task
        asked = [column for column in task.asks if column.role in finished.inputs]
        return Playground(
            task=task.name,
            verb=task.verb,
            generates=task.generates,
            asks=roles(asked),
            sampling=widgets(Sampling) if task.generates else [],
        )

    @made.post("/predict")
    def predict(run_id: str, inputs: Inputs) -> Answers:
        """What the tuned adapter says to some inputs."""
        asking = Asking(inputs.sampling, inputs.untouched)
        return Answers(predictions=predictions.answer(run_id, inputs.inputs, asking))

    @made.post("/predict/stream", response_class=StreamingResponse)
    def stream(run_id: str, inputs: Inputs) -> StreamingResponse:
        """The same as lines of JSON: `{"said": piece}` as it is written, then the answers or `{"error": {}}`."""
        predictions.finished(run_id)  # what is not there is refused before anything is sent
        return StreamingResponse(_lines(run_id, inputs, predictions), media_type="application/x-ndjson")

    return made


def _lines(run_id: str, inputs: Inputs, predictions: Predictions) -> Iterator[str]:
    """The lines, made by a thread that goes on to its end also when nobody listens any more."""
    said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def work() -> None:
        asking = Asking(inputs.sampling, inputs.untouched, lambda piece: said.put({"said": piece}))
        try:
            found = predictions.answer(run_id, inputs.inputs, asking)
            said.put(Answers(predictions=found).model_dump(mode="json"))
        except AutotrainError as error:
            said.put({"error": {"code": error.code, "message": error.message}})
        except Exception as error:
            message = f"This did not work ({type(error).__name__}: {error}). Try again."
            said.put({"error": {"code": "predictor", "message": message}})
        said.put(None)

    threading.Thread(target=work, name="playground", daemon=True).start()
    while (line := said.get()) is not None:
        yield json.dumps(line, ensure_ascii=False) + "\n"
