"""The checkpoints, in order; each file holds one."""

from __future__ import annotations

from pixelproof.jobs.audit.checkpoint import Checkpoint
from pixelproof.jobs.audit.checkpoints import (
    adaptive,
    attacked_accuracy,
    best_attack,
    black_box,
    both_norms,
    clean_accuracy,
    convergence,
    detector,
    distribution,
    epsilon_sweep,
    fairness,
    gradient_health,
    hidden_scores,
    hyperparameters,
    noise,
    query_limits,
    randomness,
    single_step,
    threat_model,
    transfer,
)

CHECKPOINTS: tuple[Checkpoint, ...] = (
    threat_model.check,
    clean_accuracy.check,
    attacked_accuracy.check,
    single_step.check,
    epsilon_sweep.check,
    convergence.check,
    hyperparameters.check,
    black_box.check,
    noise.check,
    gradient_health.check,
    randomness.check,
    adaptive.check,
    hidden_scores.check,
    query_limits.check,
    transfer.check,
    both_norms.check,
    fairness.check,
    distribution.check,
    detector.check,
    best_attack.check,
)
