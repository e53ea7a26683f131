"""One stream of random numbers for each (seed, attack, search, threshold, sample, restart), and for nothing else."""

from __future__ import annotations

import hashlib

import torch


def stream(device: torch.device, *key: object) -> torch.Generator:
    """A generator on ``device`` seeded by a hash of ``key``."""
    digest = hashlib.blake2b("|".join(map(str, key)).encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "big") >> 1)
