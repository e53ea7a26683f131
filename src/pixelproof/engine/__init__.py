"""Lanes, batches, budgets, seeds: the searches and attacks of many samples at the speed of the model."""

from pixelproof.engine.attack_runner import AttackRunner
from pixelproof.engine.engine import Engine
from pixelproof.engine.job import Outcome, Round, Sample

__all__ = ["AttackRunner", "Engine", "Outcome", "Round", "Sample"]
