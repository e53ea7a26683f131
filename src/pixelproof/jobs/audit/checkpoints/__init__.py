"""The checkpoints, in order; each file holds one."""

from __future__ import annotations

from importlib import import_module

from pixelproof.jobs.audit.checkpoint import Checkpoint

_FILES = (
    "threat_model",
    "clean_accuracy",
    "attacked_accuracy",
    "single_step",
    "epsilon_sweep",
    "convergence",
    "hyperparameters",
    "black_box",
    "noise",
    "gradient_health",
    "randomness",
    "adaptive",
    "hidden_scores",
    "query_limits",
    "transfer",
    "both_norms",
    "fairness",
    "distribution",
    "detector",
    "best_attack",
)

CHECKPOINTS: tuple[Checkpoint, ...] = tuple(import_module(f"{__name__}.{each}").check for each in _FILES)
