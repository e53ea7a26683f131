"""What an assessment from Python returns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pixelproof.data.imageset import UInt8Array
from pixelproof.errors import InputError
from pixelproof.runs import Certificate, Record, RunStore

# Reports draw with Altair: half a second that an assessment need not wait for.
if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from pixelproof.results.attempts import AttemptRow
    from pixelproof.results.knowledge import KnowledgeLevel
    from pixelproof.results.levels import LevelRow
    from pixelproof.results.minimal import MinimalThresholds
    from pixelproof.results.status import ImageStatus, LevelStatus
    from pixelproof.results.view import View

Norm = Literal["few-pixel", "threshold", "l0", "linf"]
#: The norms of the two attacks with levels.
NORMS = {"l0": "few-pixel", "linf": "threshold"}


class Result:
    """A finished assessment. In a notebook it shows its level tables; it can be pickled, and saved as a run.

    ``norm`` is one of the two that levels have: ``few-pixel`` (or ``l0``), ``threshold`` (or ``linf``).
    """

    def __init__(self, run: RunStore) -> None:
        self.run = run

    def __getstate__(self) -> bytes:
        return self.run.to_bytes()

    def __setstate__(self, content: bytes) -> None:
        self.run = RunStore.of_bytes(content)

    def save(self, out: str | Path) -> Path:
        """Keep the run in the folder ``out``, where ``pp.load_run`` and the command line find it.

        Raises ``RunError`` where a run is already.
        """
        self.run.copy_to(Path(out))
        return Path(out)

    def robust_accuracy(self, th: int, norm: Norm) -> float:
        """The share, in [0, 1], of all considered images that the model gets right whatever was found within ``th``.

        Raises ``InputError`` where the run has no such level, or is not through with it.
        """
        level = self._level(norm, th)
        if level.pending:
            raise InputError(f"{level.constraint} th = {th} is not finished: {level.pending} images are to come.")
        considered = self.run.manifest.selection.considered
        return (level.total - level.broken.successes) / considered

    def summary(self) -> str:
        """The verdicts and what was found at first sight, as text of a few lines."""
        return repr(self)

    def to_dataframe(self) -> pd.DataFrame:
        """``records`` by the name that libraries give it."""
        return self.records

    def plot(self) -> alt.VConcatChart:
        """The two-sided curves, an Altair chart: broken from below, proved from above, open between."""
        import altair as alt

        from pixelproof.report.status_figures import status_figures

        specs = [figure.spec for figure in status_figures(self._view)]
        parts = [{k: v for k, v in spec.items() if k not in ("$schema", "config", "datasets")} for spec in specs]
        data = {name: rows for spec in specs for name, rows in spec.get("datasets", {}).items()}
        return alt.VConcatChart.from_dict({"vconcat": parts, "datasets": data})

    @property
    def levels(self) -> list[LevelRow]:
        """One row per attack × search × threshold: attack success rate and robust accuracy with intervals, queries."""
        return self._view.levels

    @property
    def verdicts(self) -> list[str]:
        """A sentence on each level: broken, proved, held or undecided, and what that rests on."""
        from pixelproof.results.verdict import sentence

        return [f"{level.constraint} th={level.threshold}: {sentence(level)}" for level in self._view.statuses]

    def status(self, norm: Norm, th: int) -> list[ImageStatus]:
        """Each image at one level: ``answer`` is broken, proved or open.

        Beside it stand what it rests on, the ``record`` or the ``certificate``, and the ``reason`` why it is open.
        Raises ``InputError`` where the run has no such level.
        """
        return list(self._level(norm, th).images)

    @property
    def certificates(self) -> list[Certificate]:
        """The attempts to prove, level by level and sample by sample; ``proved`` says which were successful."""
        return self.run.certificates()

    def _level(self, norm: Norm, th: int) -> LevelStatus:
        from pixelproof.results.status import of_level

        statuses = self._view.statuses
        if (level := of_level(statuses, NORMS.get(norm.lower(), norm), th)) is None:
            levels = ", ".join(f"{each.constraint} th = {each.threshold}" for each in statuses) or "none"
            raise InputError(f"There is no level {norm} th = {th} in this run; its levels are: {levels}.")
        return level

    @property
    def minimal_thresholds(self) -> list[MinimalThresholds]:
        """Of each attack the smallest threshold that fooled each sample; upper bounds where levels were searched."""
        return self._view.minimal_thresholds

    @property
    def attempts(self) -> list[AttemptRow]:
        """One row per attack by name, and the worst case over them: rates, distances, queries, gradient steps."""
        return self._view.attempts

    @property
    def knowledge(self) -> list[KnowledgeLevel]:
        """One row per level and what the attacker sees of the model: ``rate`` of the images broken; see ``knowledge``
        of ``pp.assess``."""
        return self._view.knowledge

    @property
    def _view(self) -> View:
        from pixelproof.results.view import read

        return read(self.run)

    @property
    def records(self) -> pd.DataFrame:
        """One row per sample × attack × threshold. Raises ``InputError`` without pandas (extra ``export``)."""
        from pixelproof.runs.export import to_frame

        return to_frame(self.run)

    def adversarial(self, attack: str, threshold: int | None = None) -> list[tuple[Record, UInt8Array]]:
        """Each success of ``attack`` with its image, uint8 H×W×C; at ``threshold``, where the attack has levels."""
        names = {name for r in self.run.records() for name in (r.attack, r.spec)}
        if attack not in names:
            raise InputError(
                f"There is no attack {attack!r} in this run; its attacks are {', '.join(sorted(names)) or 'none'}."
            )
        successes = [r for r in self.run.records() if r.success and attack in (r.attack, r.spec)]
        chosen = [r for r in successes if not r.levelled or r.threshold == threshold]
        return [(r, image) for r in chosen if (image := self.run.image(r)) is not None]

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML report to ``path``."""
        from pixelproof.report import write_report

        try:
            return write_report(self.run, Path(path))
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}); choose another file.") from error

    def __repr__(self) -> str:
        rows = self.verdicts
        rows += [f"{row.key}: {row.fooled}" for row in self.attempts]
        findings = [f"{f.severity} {f.name}: {f.message}" for f in self.run.manifest.findings]
        return "\n  ".join([f"Result of {self.run.manifest.model.name}", *findings, *rows])

    def _repr_html_(self) -> str:
        from pixelproof.report import levels_html

        return levels_html(self.run)
