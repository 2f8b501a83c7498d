"""Answers from finished adapters, in processes of their own: whoever asks never loads a model."""

from __future__ import annotations

from autotrain.predictor.file import FilePrediction, predict_file
from autotrain.predictor.pool import PredictorPool
from autotrain.predictor.process import AdapterProcess

__all__ = ["AdapterProcess", "FilePrediction", "PredictorPool", "predict_file"]
