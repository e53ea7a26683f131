"""What seeds a random defence may have."""

from __future__ import annotations

from pixelproof.errors import InputError


def require_seed(seed: int) -> None:
    """Raise ``InputError`` for a ``seed`` that does not fit 63 bits."""
    if not 0 <= seed < 2**63:
        raise InputError(f"A seed from 0 to below 2⁶³ was expected, not {seed}; choose one of these.")
