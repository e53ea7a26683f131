"""What can be said of a model before anything is attacked: how it answers, how fast, and what may be asked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pixelproof.attacks.attack import Needs
from pixelproof.attacks.named import NAMES, parse_attack
from pixelproof.jobs.assess import AssessJob, without_gradients
from pixelproof.jobs.preflight import RANDOM_OUTPUT
from pixelproof.models import ScoreKind, TorchClassifier
from pixelproof.proofs.methods import METHODS
from pixelproof.runs import Finding
from pixelproof.search.registry import SEARCHES


@dataclass(frozen=True)
class ModelCheck:
    """What a model did on ``images`` images, of which it got ``right`` right among ``classes``.

    ``same_twice``: whether it answered the same batch twice alike. ``speed`` is in images a second, by
    ``batch_size``; 0 where no time was measured. ``may`` names what can be asked of it by group, ``may_not`` says of
    the others why.
    """

    model: str
    data: str
    device: str
    kind: ScoreKind
    classes: int
    images: int
    right: int
    gradients: bool
    same_twice: bool
    speed: float
    batch_size: int
    may: Mapping[str, Sequence[str]]
    may_not: Mapping[str, str]
    findings: tuple[Finding, ...]


def check_model(job: AssessJob) -> ModelCheck:
    """What the model of ``job`` is like on its data. Raises ``ModelError`` where it cannot be assessed."""
    checked, classifier = job.look(), job.classifier
    blind = without_gradients(classifier, job.data, job.device)
    refusals = {name: method.refusal(classifier, job.data.shape) for name, method in METHODS.items()}
    may_not = {f"certify {name}": why for name, why in refusals.items() if why is not None}
    may_not |= {} if blind is None else {"attacks by gradients": str(blind)}
    scored = classifier.kind != "labels"
    may_not |= {} if scored else {"attacks by scores": "the model gives labels alone, which tell no way to climb"}
    may = {
        "searches": list(SEARCHES),
        "attacks by gradients": [] if blind else _attacks("gradients"),
        "attacks by scores": _attacks("scores") if scored else [],
        "attacks by labels": _attacks("labels"),
        "certify": [name for name, why in refusals.items() if why is None],
        "precision": ["float32", *(["bfloat16"] if isinstance(classifier, TorchClassifier) else [])],
    }
    return ModelCheck(
        model=classifier.name,
        data=job.data.name,
        device=job.device.type,
        kind=classifier.kind,
        classes=checked.classes,
        images=checked.checked,
        right=checked.right,
        gradients=blind is None,
        same_twice=all(finding.name != RANDOM_OUTPUT for finding in checked.findings),
        speed=checked.images_per_second,
        batch_size=job.settings.batch_size,
        may={group: found for group, found in may.items() if found},
        may_not=may_not,
        findings=checked.findings,
    )


def _attacks(needs: Needs) -> list[str]:
    """The attacks by name that need so much of a model; ``worst`` is made of others."""
    return [name for name in NAMES if name != "worst" and parse_attack(name).needs == needs]
