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
    threat_model.CHECKPOINT,
    clean_accuracy.CHECKPOINT,
    attacked_accuracy.CHECKPOINT,
    single_step.CHECKPOINT,
    epsilon_sweep.CHECKPOINT,
    convergence.CHECKPOINT,
    hyperparameters.CHECKPOINT,
    black_box.CHECKPOINT,
    noise.CHECKPOINT,
    gradient_health.CHECKPOINT,
    randomness.CHECKPOINT,
    adaptive.CHECKPOINT,
    hidden_scores.CHECKPOINT,
    query_limits.CHECKPOINT,
    transfer.CHECKPOINT,
    both_norms.CHECKPOINT,
    fairness.CHECKPOINT,
    distribution.CHECKPOINT,
    detector.CHECKPOINT,
    best_attack.CHECKPOINT,
)
