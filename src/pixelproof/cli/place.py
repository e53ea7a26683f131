"""The spelling of data for files that others read."""

from __future__ import annotations

_PLACES = {"cifar10": "ROOT", "idx": "DIR", "npz": "FILE", "folder": "DIR"}


def without_place(data: str) -> str:
    """``data`` without its place on this machine: ``cifar10:ROOT``."""
    kind, colon, _ = data.partition(":")
    if kind == "pentomino":  # numbers, not a place
        return data
    return kind + colon + _PLACES.get(kind, "") if colon else kind
