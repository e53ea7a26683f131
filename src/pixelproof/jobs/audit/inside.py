"""What an attacker who has the code finds inside a model: the bare network, and scores on their way to the answer.

Tramèr, Carlini, Brendel & Madry, "On Adaptive Attacks to Adversarial Example Defenses", NeurIPS 2020: attack the
simplest part that decides, and let the whole defence judge.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pixelproof.defences.differentiable import Differentiable
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.passing import by_image, passing
from pixelproof.models.call import CallableClassifier
from pixelproof.models.classifier import Classifier
from pixelproof.models.scores import detect_kind, log_scores
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.zoo import registry

#: Samples that tell what agrees with the model, and where gradients lead.
PROBED = 16
#: Share of answers that a part gives as the whole does, from which on it is taken for what decides.
AGREEING = 0.7
#: Cosine of two gradients above which they lead to the same place.
_ALIKE = 0.9
#: The fewest of the probes, as a share, on which a gradient is there.
_SLOPED = 0.5
_SEEN = 0.5  # grey levels of a change before the network, from which on there is one
_FEW = 0.1  # the share of samples without a gradient that are told of
_SHOWN = 40  # samples that public networks are asked about
_SCORES = 2  # of them on the way to the answer: a model that takes steps of its own has very many
_MOST = 4  # parts that are attacked
_DEPTH = 4  # of attributes, containers and closures that are looked through
_DRAWS = 4  # of a random model's scores that are averaged

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Part:
    """Something inside that decides nearly as the whole does, of ``name`` in words.

    ``kind`` bare: a network of its own, asked about the image itself. scores: those noted at ``position`` on the
    whole's way to its answer, gradients passing whatever stops them there. members: the mean of several bare ones.
    given: a network that the user handed over. public: one of the zoo, where nothing is found inside. whole: the model
    itself, with its detector. ``agreement`` is of ``PROBED`` answers.
    """

    kind: str
    name: str
    agreement: float
    position: int = 0
    interleaved: bool = False


@dataclass(frozen=True)
class Interior:
    """``parts`` that are worth an attack of their own: their gradients are there where the model's are not, or lead
    elsewhere. ``moved``: by how many grey levels what the bare network sees lies from the image, at most; ``calls``:
    how often it is asked about one; ``steps``: gradients that the model takes of its own for an answer. ``flat``: the
    share of samples on which the model's own gradient is 0 or none; ``shattered``: it has none at all.
    """

    parts: tuple[Part, ...]
    moved: float
    calls: int
    steps: int
    flat: float
    shattered: bool

    @property
    def story(self) -> str:
        """What stands around the bare network, as a clause; empty where nothing is known to."""
        if self.steps or (self.calls > 2 and self.moved > 0):
            return (
                f"each image is changed by up to {self.moved:.0f} grey levels in "
                f"{max(self.steps, self.calls - 1)} steps before it is classified, a purification at test time"
            )
        if self.moved >= _SEEN:
            return f"each image is transformed by up to {self.moved:.0f} grey levels before it is classified"
        if not self.parts or all(each.kind == "whole" for each in self.parts):
            return ""
        if self.shattered:
            return "the whole lets no gradient through (a shattered gradient), while the network inside has one"
        if self.flat > _FEW:
            return (
                f"the gradient of the whole is exactly 0 on {100 * self.flat:.0f} % of the samples: its scores are "
                "saturated, squeezed or made flat, which hides the gradient and not the answer"
            )
        return (
            "the gradient of the whole is there and leads elsewhere than that of the network inside, as behind flat "
            "margins with a decoy, or noise"
        )

    @property
    def work(self) -> str:
        """Who first broke what stands there, by the name in the page's sources."""
        if self.steps or (self.calls > 2 and self.moved > 0):
            return "croce-test-time"
        if self.shattered or self.moved >= _SEEN:
            return "athalye"
        return ("carlini-distillation" if self.flat > _FEW else "uesato") if self.parts else ""


def interior(audit: AuditContext) -> Interior:
    """What is found inside the model of ``audit``, looked for once."""
    value = audit.evidence.memoise("interior", lambda: asdict(_Search(audit).interior()))
    return Interior(**{**value, "parts": tuple(Part(**each) for each in value["parts"])})


def network_of(audit: AuditContext, part: Part) -> Network:
    """Log-scores n×K of images n×C×H×W, with gradients."""
    return _Search(audit).network(part)


class _Search:
    def __init__(self, audit: AuditContext) -> None:
        self.audit = audit
        rows = audit.decision.right or list(range(len(audit.samples)))
        self.rows = torch.tensor(rows[:PROBED], device=audit.device)
        self.images = audit.samples.images[self.rows]
        self.open = _bottom(audit.access.differentiable)
        self.call = _call_of(self.open)

    @cached_property
    def answers(self) -> Tensor:
        return self.audit.decision.answers(self.images)

    @cached_property
    def classes(self) -> int:
        return self.audit.decision.log_scores(self.images[:1]).shape[1]

    @cached_property
    def bare(self) -> dict[str, nn.Module]:
        """Networks of their own inside the model, by name, those that agree with it most first."""
        found = {}
        for name, module in _networks(self.audit.classifier, self.images, self.classes):
            agreement = self._agreement(partial(_evaluated, module))
            if agreement > 1.5 / self.classes:
                found[name] = (agreement, module)
        ordered = sorted(found, key=lambda name: -found[name][0])[:_MOST]
        return {name: found[name][1] for name in ordered}

    def interior(self) -> Interior:
        moved, calls = self._watched()
        own = self._own_gradient()
        flat = 1.0 if own is None else 1 - float((own != 0).flatten(1).any(1).float().mean())
        noted, steps = self._noted()
        chosen, seen = [], [] if own is None else [own]
        if own is not None and self.audit.decision.detector is not None:
            chosen.append(Part("whole", "the model and its detector", 1.0))
        for part in (*self._given(), *self._bare_parts(), *noted):
            if part.kind == "scores" and sum(each.kind == "scores" for each in chosen) == _SCORES:
                continue
            slope = self._slope(self.network(part))
            if slope is None or any(_alike(slope, each) for each in seen):
                continue
            chosen.append(part)
            seen.append(slope)
        if not chosen and flat > _SLOPED:
            chosen += [part for part in self._public() if part.agreement >= AGREEING][:1]
        return Interior(tuple(chosen[:_MOST]), moved, calls, steps, flat, own is None)

    def network(self, part: Part) -> Network:
        if part.kind == "scores":
            found: Network = partial(self._scores_at, part)
        elif part.kind == "given":
            assert self.audit.bare is not None
            found = self.audit.bare.scores
        elif part.kind == "members":
            found = self._members
        elif part.kind == "public":
            found = partial(_evaluated, registry.load(part.name.rpartition(":")[2]))
        elif part.kind == "whole":
            found = self.audit.access.classifier("open").scores
        else:
            found = partial(_evaluated, self.bare[part.name])
        return lambda images: _on_log_scale(found(images))

    # Parts.

    def _given(self) -> Iterator[Part]:
        if self.audit.bare is not None:
            yield Part("given", "the bare network handed over", self._agreement(self.audit.bare.scores))

    def _bare_parts(self) -> Iterator[Part]:
        agreeing = {name: self._agreement(partial(_evaluated, each)) for name, each in self.bare.items()}
        if len(agreeing) > 1:
            yield Part("members", f"the mean of {', '.join(agreeing)}", self._agreement(self._members))
        for name, agreement in agreeing.items():
            if agreement >= AGREEING or len(agreeing) > 1:
                yield Part("bare", name, agreement)

    def _public(self) -> list[Part]:
        """Bundled networks for images and classes like these, those that agree most first: anybody has them."""
        fitting = [
            name
            for name, entry in registry.ZOO.items()
            if entry.shape == self.audit.data.shape and registry.weights_file(name).exists() and self.classes == 10
        ]
        found = [
            Part("public", f"the public network zoo:{name}", self._agreement_on_all(registry.load(name)))
            for name in fitting
        ]
        return sorted(found, key=lambda part: -part.agreement)

    def _noted(self) -> tuple[list[Part], int]:
        """Scores on the way to the answer, the earliest first, and the gradients that the model takes of its own."""
        if self.call is None:
            return [], 0
        try:
            mode = passing(self.call, self.images.clone().requires_grad_(), self.classes)
        except Exception:  # whatever a stranger's code raises when its gradients are let through
            return [], 0
        found = []
        for position, noted in enumerate(mode.noted):
            both = [by_image(noted.detach(), len(self.images), each) for each in (True, False)]
            shares = [float((each.argmax(1) == self.answers).float().mean()) for each in both]
            if max(shares) >= AGREEING:
                name = f"scores {position + 1} of {len(mode.noted)} on the way to the answer"
                found.append(Part("scores", name, max(shares), position, shares[0] >= shares[1]))
        return found, mode.steps

    def _scores_at(self, part: Part, images: Tensor) -> Tensor:
        assert self.call is not None
        draws = _DRAWS if self.audit.random else 1
        found = []
        for _ in range(draws):
            noted = passing(self.call, images, self.classes).noted
            found.append(by_image(noted[min(part.position, len(noted) - 1)], len(images), part.interleaved).float())
        return torch.stack(found).mean(0)

    def _members(self, images: Tensor) -> Tensor:
        return torch.stack([_evaluated(each, images).float().log_softmax(1) for each in self.bare.values()]).mean(0)

    # What is measured.

    def _agreement(self, network: Network) -> float:
        with torch.no_grad():
            return float((network(self.images).argmax(1) == self.answers).float().mean())

    def _agreement_on_all(self, network: nn.Module) -> float:
        """On samples that the model gets wrong, too: all good networks agree where it is right."""
        images, answers = self.audit.samples.images[:_SHOWN], torch.tensor(self.audit.decision.clean[:_SHOWN])
        with torch.no_grad():
            return float((_evaluated(network, images).argmax(1).cpu() == answers).float().mean())

    def _own_gradient(self) -> Tensor | None:
        """That of the margin, of the model made differentiable; None where there is none."""
        if self.audit.access.no_gradients("open"):
            return None
        oracle = self.audit.access.oracle(len(self.rows), "open")
        goal = self.audit.samples.goal(self.rows)
        _, found = oracle.gradient(self.images, goal.rows, lambda s, part: goal.of(part).loss("margin", s))
        return found

    def _slope(self, network: Network) -> Tensor | None:
        """The gradient of the margin; None where there is none on most of the probes."""
        goal = self.audit.samples.goal(self.rows)
        try:
            with torch.enable_grad():
                leaf = self.images.clone().requires_grad_()
                (found,) = torch.autograd.grad(goal.loss("margin", network(leaf)).sum(), leaf)
        except Exception:  # through a stranger's code
            return None
        there = found.isfinite().flatten(1).all(1) & (found != 0).flatten(1).any(1)
        return found if float(there.float().mean()) >= _SLOPED else None

    def _watched(self) -> tuple[float, int]:
        """How far what the bare networks see lies from the image, and how often the one that is asked most is asked."""
        given: dict[int, list[Tensor]] = {}

        def note(module: nn.Module, args: tuple[Any, ...]) -> None:
            if args and isinstance(args[0], Tensor) and args[0].shape[1:] == self.images.shape[1:]:
                given.setdefault(id(module), []).append(args[0].detach())

        handles = [each.register_forward_pre_hook(note) for each in self.bare.values()]
        try:
            with torch.no_grad():
                self.audit.classifier.scores(self.images)
        finally:
            for handle in handles:
                handle.remove()
        each = [one for some in given.values() for one in some if one.shape == self.images.shape]
        moved = max((float((one - self.images).abs().max()) * 255 for one in each), default=0.0)
        return moved, max(map(len, given.values()), default=0)


def _on_log_scale(scores: Tensor) -> Tensor:
    """``scores`` as log-scores: where they look like probabilities their logarithm, whose margins do not go flat."""
    if detect_kind(scores) != "probabilities":
        return scores.float()
    return log_scores(scores, "probabilities")


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two gradients lead to the same place on most images."""
    cosine = functional.cosine_similarity(one.flatten(1), other.flatten(1), dim=1)
    return bool(cosine.median() > _ALIKE)


# Looking into what people hand over.


def _bottom(found: Differentiable) -> Classifier:
    """The classifier made differentiable, a single draw of it."""
    return found.classifier.draws[0] if hasattr(found.classifier, "draws") else found.classifier


def _call_of(classifier: Classifier) -> Callable[[Tensor], Any] | None:
    """The program itself, where it is one of Python."""
    if isinstance(classifier, TorchClassifier):
        return partial(_evaluated, classifier.module)
    return classifier.function if isinstance(classifier, CallableClassifier) else None


def _evaluated(module: nn.Module, images: Tensor) -> Tensor:
    """The answer of ``module`` in evaluation mode."""
    with evaluating(module):
        place = next(module.parameters(), images)
        found: Tensor = module(images.to(place.device, place.dtype if place.is_floating_point() else images.dtype))
    return found


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    training = [each for each in module.modules() if each.training]
    for each in training:
        each.training = False
    try:
        yield
    finally:
        for each in training:
            each.training = True


def _networks(model: object, images: Tensor, classes: int) -> Iterator[tuple[str, nn.Module]]:
    """Modules inside ``model`` that take images and give scores N×``classes``, none of which lies in another, by name;
    ``model`` itself is none."""
    queue: list[tuple[str, object, int]] = [("", model, 0)]
    known: set[int] = set()
    while queue:
        name, held, depth = queue.pop(0)
        if id(held) in known:
            continue
        known.add(id(held))
        whole = isinstance(held, nn.Module) and isinstance(model, TorchClassifier) and held is model.module
        if isinstance(held, nn.Module) and not whole and _scores(held, images, classes):
            yield name or type(held).__name__, held
            continue
        if depth < _DEPTH or isinstance(held, nn.Module):
            queue += [
                (f"{name}.{key}".strip("."), each, depth + 1) for key, each in _held(held) if id(each) not in known
            ]


def _held(owner: object) -> Iterable[tuple[str, object]]:
    """What ``owner`` holds that may be, or hold, a network, by name."""
    if isinstance(owner, types.FunctionType):
        cells = zip(owner.__code__.co_freevars, owner.__closure__ or (), strict=True)
        named = {name: owner.__globals__.get(name) for name in owner.__code__.co_names}
        return [*((name, cell.cell_contents) for name, cell in cells if _filled(cell)), *_useful(named.items())]
    if isinstance(owner, types.MethodType):
        return [("", owner.__self__)]
    if isinstance(owner, partial):
        return [("", owner.func), *((str(k), each) for k, each in enumerate(owner.args)), *owner.keywords.items()]
    if isinstance(owner, nn.Module):
        plain = {k: each for k, each in vars(owner).items() if not k.startswith("_")}
        return [*owner.named_children(), *_useful(plain.items())]
    if isinstance(owner, dict):
        return list(_useful((str(k), each) for k, each in owner.items()))
    if isinstance(owner, list | tuple):
        return list(_useful((str(k), each) for k, each in enumerate(owner[:64])))
    return list(_useful(vars(owner).items())) if hasattr(owner, "__dict__") and not isinstance(owner, type) else ()


def _useful(pairs: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    for name, each in pairs:
        if isinstance(each, nn.Module | list | tuple | dict | types.FunctionType | types.MethodType | partial) or (
            hasattr(each, "__dict__") and not isinstance(each, type | types.ModuleType | Tensor)
        ):
            yield name, each


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _scores(module: nn.Module, images: Tensor, classes: int) -> bool:
    """Whether it answers ``images`` with scores of so many ``classes``."""
    try:
        with torch.no_grad():
            found = _evaluated(module, images.clone())
    except Exception:  # a layer that takes something else
        return False
    return isinstance(found, Tensor) and found.shape == (len(images), classes) and found.is_floating_point()
