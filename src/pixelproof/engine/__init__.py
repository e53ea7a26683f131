"""Lanes, batches, budgets, seeds: the searches of many samples at the speed of the model."""

from pixelproof.engine.engine import Engine
from pixelproof.engine.job import Outcome, Round, Sample

__all__ = ["Engine", "Outcome", "Round", "Sample"]
