"""Everything the page of a study says, as values: the page is written from them alone."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pixelproof.data.imageset import UInt8Array
from pixelproof.plans.study.false_adversarial import FalseSample
from pixelproof.results.study import Assessed, Difference, FastRow, TransferCell
from pixelproof.runs import Finding, Manifest, Record
from pixelproof.runs.identity import verify_command
from pixelproof.wording import listed, plural


@dataclass(frozen=True)
class StudyRun:
    """One run of the study, and ``place``, the path by which a reader finds its folder."""

    assessed: Assessed
    manifest: Manifest
    place: str

    @property
    def trusting(self) -> bool:
        """Whether the run's model was loaded from code that the user trusts."""
        return bool(self.manifest.spec.get("trust_code"))


@dataclass(frozen=True, eq=False)
class Found:
    """An adversarial image of the demonstration's clean image, found by the search of a run."""

    record: Record
    image: UInt8Array


@dataclass(frozen=True, eq=False)
class Demonstration:
    """One clean image; false adversarial images of it by rising budget; beside them what the two norms allow."""

    sample: int
    class_names: tuple[str, ...]
    label: int  # the clean image's class
    chosen: str  # the rule by which the image was chosen, within a sentence
    clean: UInt8Array
    false: tuple[FalseSample, ...]
    found: tuple[Found, ...]
    #: What each network answers, by its label: to the clean image, to each of ``false``, to each of ``found``.
    answers: Mapping[str, tuple[int, ...]]
    place: str = ""  # the folder of the run that ``found`` is from; empty where those are the study's own


@dataclass(frozen=True, eq=False)
class StudyView:
    """A conducted study, or a comparison of runs."""

    kind: Literal["study", "comparison"]
    runs: tuple[StudyRun, ...]
    transfers: tuple[TransferCell, ...] = ()
    fast: tuple[FastRow, ...] = ()
    differences: tuple[Difference, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)  # by label, why a network is left out, one sentence
    demonstration: Demonstration | None = None

    @cached_property
    def assessed(self) -> list[Assessed]:
        return [run.assessed for run in self.runs]

    @property
    def title(self) -> str:
        """``2 networks and 1 defence on cifar10-test``."""
        labels = {run.label: run.defence for run in self.assessed}
        networks = plural(sum(defence is None for defence in labels.values()), "network")
        defences = sum(defence is not None for defence in labels.values())
        what = f"{networks} and {plural(defences, 'defence')}" if defences else networks
        return f"{what} on {listed(list(dict.fromkeys(run.data_name for run in self.assessed)))}"

    @property
    def finished(self) -> bool:
        return all(run.assessed.finished for run in self.runs)

    @property
    def verifications(self) -> list[str]:
        """A command for each run that computes its claims again, and one for the demonstration's."""
        found = [verify_command(run.place, run.manifest) for run in self.runs]
        if self.demonstration and self.demonstration.place:
            trust = " --trust-code" if self.runs[0].trusting else ""
            found.append(f"pixelproof verify {shlex.quote(self.demonstration.place)}{trust}")
        return found

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """What preflight and engine noticed, each once for a network, the gravest first."""
        order = {"error": 0, "warning": 1, "info": 2}
        noticed = [(run.assessed.label, finding) for run in self.runs for finding in run.manifest.findings]
        return sorted(dict.fromkeys(noticed), key=lambda pair: order[pair[1].severity])
