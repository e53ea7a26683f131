"""What is said of a network of the zoo that has no weights here."""

from __future__ import annotations

from pixelproof.zoo.registry import entry, weights_file


def absence(model: str, label: str) -> str | None:
    """Why the line ``label`` of ``model`` is left out, in a sentence with the remedy; None where nothing is missing.

    Raises ``InputError`` when the zoo has no such network.
    """
    kind, _, name = model.partition(":")
    if kind != "zoo":
        return None
    entry(name)
    if weights_file(name).exists():
        return None
    which = "it" if label == name else name
    return (
        f"{label} is left out, as {which} has no weights here; train it: "
        f"pixelproof train {name} {entry(name).data} --out DIR."
    )
