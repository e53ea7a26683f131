"""Lanes, batches, budgets, seeds: the searches and attacks of many samples at the speed of the model, and the judge."""

from pixelproof.engine.attack_runner import AttackRunner
from pixelproof.engine.judge import Judge
from pixelproof.engine.lanes import Outcome, Sample
from pixelproof.engine.levels import Engine
from pixelproof.engine.queue import Round, steps

__all__ = ["AttackRunner", "Engine", "Judge", "Outcome", "Round", "Sample", "steps"]
