"""A gate's answer as a value: what terminals, pull requests and dashboards are told."""

from dataclasses import asdict, dataclass
from typing import Any

from pixelproof.results.gate.decision import Decision, Outcome, overall
from pixelproof.results.gate.settings import SettingDifference
from pixelproof.runs.record import Manifest

#: How a gate ends, for scripts; 2 is the user's mistake.
EXIT_CODES: dict[Outcome, int] = {"met": 0, "not met": 1, "undecided": 3}


@dataclass(frozen=True)
class Checked:
    """``decisions`` at ``alpha`` on ``manifests``, the runs in the folders ``places``.

    ``differences`` are those from the run in the folder ``baseline``, where there is one.
    """

    places: tuple[str, ...]
    manifests: tuple[Manifest, ...]
    alpha: float
    baseline: str | None
    decisions: tuple[Decision, ...]
    differences: tuple[SettingDifference, ...] = ()

    @property
    def outcome(self) -> Outcome:
        return overall(self.decisions)

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]

    @property
    def title(self) -> str:
        """``lenet on cifar10-test-1000: not met``."""
        models = dict.fromkeys(f"{each.model.name} on {each.data.name}" for each in self.manifests)
        said = "cannot be decided" if self.outcome == "undecided" else self.outcome
        return f"{', '.join(models)}: {said}"

    def document(self) -> dict[str, Any]:
        """The same as plain values, by ``check.schema.json``."""
        runs = zip(self.places, self.manifests, strict=True)
        return {
            "format": 1,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "alpha": self.alpha,
            "baseline": self.baseline,
            "runs": [
                {"run": place, "job": each.job, "identity": each.identity, "model": each.model.name}
                for place, each in runs
            ],
            "requirements": [asdict(each) for each in self.decisions],
            "differences": [asdict(each) for each in self.differences],
        }
