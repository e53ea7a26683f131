"""What a preprocessing defence is, and several of them one after another."""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from torch import Tensor

from pixelproof.defences.output_defence import Defence, OutputDefence
from pixelproof.errors import InputError


@runtime_checkable
class Preprocessor(Defence, Protocol):
    """A function of images that treats each by itself and the same one always alike, on any device."""

    def __call__(self, images: Tensor) -> Tensor:
        """Other images of the same shape for ``images``, both float32 N×C×H×W in [0, 1].

        One with an attribute ``encodes`` that is True may give another number of channels.
        """
        ...


@runtime_checkable
class Seeded(Protocol):
    """A preprocessor with random draws, which are a function of its seed and of the image in 8 bits."""

    def with_seed(self, seed: int) -> Self:
        """The same with the draws of another ``seed``, 0 to below 2⁶³."""
        ...


def require_seed(seed: int) -> None:
    """Raise ``InputError`` for a ``seed`` that does not fit 63 bits."""
    if not 0 <= seed < 2**63:
        raise InputError(f"A seed from 0 to below 2⁶³ was expected, not {seed}; choose one of these.")


@dataclass(frozen=True)
class Chain:
    """``steps`` one after another, each applied to what the one before it gave; then ``outputs`` on the scores.

    A call runs the steps; the outputs wait for the scores (see ``PreprocessedClassifier``). Raises ``InputError`` when
    a step that changes the shape of images is not the last.
    """

    steps: tuple[Preprocessor, ...]
    outputs: tuple[OutputDefence, ...] = ()

    def __post_init__(self) -> None:
        for step, after in zip(self.steps, self.steps[1:], strict=False):
            if encodes(step):
                raise InputError(
                    f"{step.name} gives no images, so {after.name} cannot follow it; put {step.name} last, next to "
                    "the model."
                )

    @property
    def name(self) -> str:
        return " + ".join(each.name for each in self._all)

    @property
    def spec(self) -> str:
        return "+".join(each.spec for each in self._all)

    @property
    def differentiable(self) -> bool:
        return all(each.differentiable for each in self._all)

    @property
    def encodes(self) -> bool:
        return any(map(encodes, self.steps))

    def __call__(self, images: Tensor) -> Tensor:
        for step in self.steps:
            images = step(images)
        return images

    @property
    def _all(self) -> tuple[Preprocessor | OutputDefence, ...]:
        return (*self.steps, *self.outputs)


def encodes(preprocessor: Preprocessor) -> bool:
    """Whether what it gives are no images any more, but something with other channels."""
    return bool(getattr(preprocessor, "encodes", False))


def parts(preprocessor: Preprocessor) -> tuple[tuple[Preprocessor, ...], tuple[OutputDefence, ...]]:
    """The steps on images and the defences of the output that ``preprocessor`` is made of."""
    return (preprocessor.steps, preprocessor.outputs) if isinstance(preprocessor, Chain) else ((preprocessor,), ())
