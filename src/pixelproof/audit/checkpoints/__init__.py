"""The checkpoints, in order; each file holds one."""

from __future__ import annotations

from pixelproof.audit.checkpoint import Checkpoint
from pixelproof.audit.checkpoints import single_step

CHECKPOINTS: tuple[Checkpoint, ...] = (single_step.CHECKPOINT,)
