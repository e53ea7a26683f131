"""What the adapters to all libraries have in common."""

import random
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module, metadata
from inspect import Parameter, signature
from math import inf
from typing import Any, ClassVar
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack, Needs
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.libraries.counted import CountedModel
from pixelproof.attacks.libraries.parse import Parameters, format_call
from pixelproof.attacks.norm_ball import Norm, NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError
from pixelproof.seeds import Streams
from pixelproof.wording import first_line

_NORMS: dict[object, Norm] = {inf: "linf", "inf": "linf", "Linf": "linf", 2: "l2", "L2": "l2", 1: "l1", "L1": "l1"}


@dataclass(frozen=True)
class LibraryAttack(Attack):
    """The ``attack`` of that name in a library, with some of its ``parameters`` given and the others as they are there.

    A library is called once for a batch and asks the model for parts of it as it likes, so what an image costs cannot
    be told: queries and gradient steps are counted for the batch and divided evenly, rounding up. Attacks in ``alone``
    are called image by image, as their libraries do inside, and counted exactly. Random numbers come from the library's
    global generators, which are seeded for the call; what an image draws there depends on the images beside it, unless
    it is attacked alone.

    An image for which the library returns NaN, or on which it fails when it is given it alone, stays as it is, and a
    ``RuntimeWarning`` tells how many these were. Raises ``InputError`` where the library fails on every one of several
    images.
    """

    attack: str
    parameters: Parameters = ()

    library: ClassVar[str]
    #: Its name in the package index.
    distribution: ClassVar[str]
    #: What to type where it is missing.
    install: ClassVar[str]
    #: Parameters that the adapter hands over itself.
    handed_over: ClassVar[frozenset[str]]
    alone: ClassVar[frozenset[str]] = frozenset()
    #: Attacks that see scores only, and labels only; all others are taken to follow gradients.
    on_scores: ClassVar[frozenset[str]] = frozenset()
    on_labels: ClassVar[frozenset[str]] = frozenset()
    #: How the library says that it found no image to start from, which is no fault.
    no_start: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        attacks = self._attacks()
        if self.attack not in attacks:
            near = get_close_matches(self.attack, attacks, 5, 0.4) or sorted(attacks)
            raise InputError(f"{self.library} has no attack {self.attack!r}; it has {', '.join(near)}, for instance.")
        taken = self._taken()
        for given, _ in self.parameters:
            if given not in taken:
                raise InputError(f"{self.name} has no parameter {given!r}; it has {', '.join(taken) or 'none'}.")
        missing = [name for name, each in taken.items() if each.default is Parameter.empty]
        if absent := [f"{name}=…" for name in missing if name not in dict(self.parameters)]:
            raise InputError(f"{self.name} needs {' and '.join(absent)}, in parentheses after its name.")
        _ = self.ball  # an epsilon of 0

    @property
    def version(self) -> str | None:
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:  # put on the path by hand
            return None

    @property
    def name(self) -> str:  # type: ignore[override]
        """``art:FastGradientMethod``."""
        return f"{self.library}:{self.attack}"

    @property
    def spec(self) -> str:
        """As it can be typed, with the parameters given."""
        return f"{self.library}:{format_call(self.attack, self.parameters)}"

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """``scores`` or ``labels`` of attacks known to need no more, otherwise ``gradients``."""
        return "labels" if self.attack in self.on_labels else "scores" if self.attack in self.on_scores else "gradients"

    @property
    def ball(self) -> NormBall | None:
        """The ball that the parameters describe; None where they name none."""
        return norm_ball(self._values().get("norm"), self._values().get("eps"))

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        if self.needs == "gradients" and not oracle.classifier.differentiable:
            raise InputError(f"{self.name} needs gradients, and the model {oracle.classifier.name} gives none.")
        call = _Call(self, oracle, images, goal, streams.integers(2**31).tolist())
        groups = torch.split(goal.rows, 1 if self.attack in self.alone else max(len(images), 1))
        found = torch.cat([call.attacked(rows) for rows in groups])
        call.tell_lost(~found.isfinite().flatten(1).all(1))
        found = torch.where(found.isfinite().flatten(1).all(1)[:, None, None, None], found, images).clamp(0, 1)
        return found if self.ball is None else self.ball.project(found, images)

    @abstractmethod
    def _attacks(self) -> Mapping[str, Callable[..., Any]]:
        """All attacks of the library by name. Raises ``InputError`` without the library."""

    @abstractmethod
    def find(self, model: CountedModel, images: Tensor, aim: Tensor, targeted: bool, seed: int) -> object:
        """What the library makes of ``images`` N×C×H×W: away from the classes ``aim`` (N) or, ``targeted``, to them."""

    def _signature(self) -> Mapping[str, Parameter]:
        """Everything that the library's attack takes by name."""
        found = signature(self._attacks()[self.attack]).parameters
        variable = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        return {name: each for name, each in found.items() if each.kind not in variable}

    def _taken(self) -> Mapping[str, Parameter]:
        """The parameters that may be given."""
        return {name: each for name, each in self._signature().items() if name not in self.handed_over}

    def _values(self) -> dict[str, object]:
        """All parameters, given or by default."""
        return {name: each.default for name, each in self._taken().items()} | dict(self.parameters)

    def _build(self, *arguments: object, **parameters: object) -> Any:
        """The library's attack. Raises ``InputError`` where it refuses its parameters."""
        try:
            return self._attacks()[self.attack](*arguments, **parameters)
        except Exception as error:
            raise InputError(f"{self.library} refuses {self.spec}: {_reason(error)}.") from error

    def _untargeted_only(self) -> InputError:
        return InputError(f"{self.name} knows no targets; run it untargeted, or take another attack.")

    def _import(self, module: str) -> Any:
        """``module`` of the library. Raises ``InputError`` when it cannot be imported."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return import_module(module)
        except ImportError as error:
            raise InputError(f"{self.name} cannot be run ({error}); install it with: {self.install}.") from error


def norm_ball(norm: object, length: object) -> NormBall | None:
    """The ball of a ``norm`` as libraries spell them and a ``length`` in units of 1; None where it is none."""
    name = _NORMS.get(norm) if isinstance(norm, str | int | float) else None
    return NormBall(name, length * 255) if name and isinstance(length, int | float) else None


def _reason(error: Exception) -> str:
    return first_line(error).rstrip(".")


class _Call:
    """One call: its images, and what went wrong."""

    def __init__(self, attack: LibraryAttack, oracle: Oracle, images: Tensor, goal: Goal, seeds: list[int]) -> None:
        self.attack, self.oracle, self.images, self.goal, self.seeds = attack, oracle, images, goal, seeds
        self.errors: list[Exception] = []

    def attacked(self, rows: Tensor) -> Tensor:
        """Images found for ``rows``; where the library fails on them together, one by one."""
        try:
            return self._once(rows)
        except InputError:
            raise
        except Exception as error:  # a stranger's code may fail in any way
            if len(rows) > 1:
                return torch.cat([self.attacked(row) for row in torch.split(rows, 1)])
            if not (self.attack.no_start and self.attack.no_start in str(error)):
                self.errors.append(error)
            return self.images[rows]

    def tell_lost(self, invalid: Tensor) -> None:
        """Warn of lost images (``invalid``: N bools, NaN). Raises ``InputError`` if it failed on all of several."""
        name, total = self.attack.name, len(self.images)
        if len(self.errors) == total > 1:
            raise InputError(f"{name} failed on every image with {_reason(self.errors[0])}.") from self.errors[0]
        why = [f"failed on {len(self.errors)} ({_reason(self.errors[0])})"] if self.errors else []
        why += [f"returned NaN for {int(invalid.sum())}"] if invalid.any() else []
        if why:
            told = f"{name} {' and '.join(why)} of {total} images; they count as not fooled."
            warnings.warn(told, RuntimeWarning, stacklevel=3)

    def _once(self, rows: Tensor) -> Tensor:
        goal, images = self.goal.of(rows), self.images[rows]
        aim = goal.labels if goal.targets is None else goal.targets
        model, seed = CountedModel(self.oracle), self.seeds[int(rows[0])]
        try:
            with seeded(seed, images.device), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self.attack.find(model, images.clone(), aim, goal.targets is not None, seed)
        finally:
            self._share(self.oracle.queries, rows, model.forwards)
            self._share(self.oracle.gradient_steps, rows, model.backwards)
        if not isinstance(found, Tensor) or found.shape != images.shape:
            raise InputError(f"{self.attack.name} does not return an image for each image; take another attack.")
        return found.detach().to(images)

    @staticmethod
    def _share(counter: Tensor, rows: Tensor, total: int) -> None:
        counter[rows.cpu()] += -(-total // len(rows))


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Python's, NumPy's and torch's global states as ``seed`` (below 2³²) makes them; as they were afterwards.

    A ``RandomState`` that a library makes without a seed meanwhile follows from NumPy's global one.
    """
    cuda = [device] if device.type == "cuda" else []
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state that libraries draw from
    with torch.random.fork_rng(cuda), patch.object(np.random, "RandomState", _Derived):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed devices that are not put back
        if cuda:
            torch.cuda.default_generators[device.index or 0].manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002


class _Derived(np.random.RandomState):
    def __init__(self, seed: int | None = None) -> None:
        super().__init__(np.random.randint(2**31) if seed is None else seed)  # noqa: NPY002
