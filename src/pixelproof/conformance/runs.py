"""Whole runs with a plug-in: within their budget, and the same after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pixelproof.api.measure import assess, perturb
from pixelproof.conformance.check import images, require
from pixelproof.conformance.network import network
from pixelproof.plugins import Plugin
from pixelproof.runs import Record, RunStore
from pixelproof.runs.progress import Progress
from pixelproof.runs.table import RecordType

QUERIES = 30


def assessed(plugin: Plugin, **options: Any) -> None:
    """An assessment with ``options``; see ``_resumed``. Its searches keep to their budget."""
    shown = images(24)
    labels = network()(shown).argmax(1)

    def run(folder: Path, listener: Callable[[Progress], None]) -> None:
        assess(
            network(), shown, labels, levels=(1, 3), samples=6, max_queries=QUERIES, device="cpu", seed=1,
            out=folder, listener=listener, **options,
        )  # fmt: skip

    records = _resumed(plugin, run, Record)
    spent = max((record.queries for record in records if record.levelled), default=0)
    require(spent <= QUERIES, f"a search took {spent} queries where {QUERIES} were allowed")


def perturbed(plugin: Plugin, record: type[RecordType], size: tuple[int, int, int]) -> None:
    """Images under the corruption ``plugin`` at two severities; see ``_resumed``."""
    shown = images(12, size)
    labels = network()(shown).argmax(1)

    def run(folder: Path, listener: Callable[[Progress], None]) -> None:
        perturb(
            network(), shown, labels, only=plugin.name, severities=(1, 4), device="cpu", out=folder, listener=listener
        )

    _resumed(plugin, run, record)


def _resumed(
    plugin: Plugin, run: Callable[[Path, Callable[[Progress], None]], None], kind: type[RecordType]
) -> list[Any]:
    """The records of a ``run``, which must be those of one that was interrupted and gone on with; it names the package.

    What is compared leaves out how long things took.
    """

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with TemporaryDirectory() as place:
        whole, halves = Path(place) / "whole", Path(place) / "halves"
        run(whole, lambda _: None)
        try:
            run(halves, interrupt)
        except KeyboardInterrupt:
            run(halves, lambda _: None)
        one, other = _read(whole, kind), _read(halves, kind)
        with RunStore.open(whole) as store:
            named = store.manifest.settings.get("plugins", {})
    require(one == other, "a run that was interrupted and gone on with has other records than one that was not")
    require(named == {plugin.package: plugin.version}, f"the run names {named} as its plug-ins, not {plugin}")
    return [record for record, _ in one]


def _read(folder: Path, kind: type[RecordType]) -> list[tuple[Any, bytes]]:
    """Every record with its image, in the order of their keys."""
    with RunStore.open(folder) as run:
        found = [(replace(each, seconds=0.0), image_of(run, each)) for each in run.of(kind)]
    return sorted(found, key=lambda pair: [str(getattr(pair[0], name)) for name in kind.KEY])


def image_of(run: RunStore, record: Any) -> bytes:
    """The bytes of its image; empty where it has none."""
    image = run.image(record)
    return b"" if image is None else image.tobytes()
