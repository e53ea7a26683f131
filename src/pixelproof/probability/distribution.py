"""The distributions of perturbations: each a map from standard normal numbers to images around a given one."""

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

import torch
from torch import Tensor

from pixelproof.errors import InputError
from pixelproof.wording import plural

Kind = Literal["linf", "l2", "l0", "normal"]
Grid = Literal["8-bit", "continuous"]
NAME = "random"


@dataclass(frozen=True)
class Distribution:
    """Images drawn at random around a given one; lengths in grey levels, and no value beyond 0 to 255.

    ``linf``: uniform over all images whose values are within ``th``. ``l2``: a change uniform in the ball of radius
    ``th``. ``normal``: independent normal changes of standard deviation ``th``; of both, what leaves [0, 255] is cut
    off. ``l0``: ``th`` pixels, uniformly chosen, take uniform colours. On the ``8-bit`` grid all values are whole: of
    linf and l0 the whole ones are drawn uniformly, of the others they are rounded. Raises ``InputError`` for parameters
    that cannot be.
    """

    norm: Kind
    th: float
    grid: Grid = "8-bit"

    def __post_init__(self) -> None:
        if self.norm not in get_args(Kind):
            raise InputError(f"{NAME} knows the distributions {', '.join(get_args(Kind))}, not {self.norm!r}.")
        if self.grid not in get_args(Grid):
            raise InputError(f"{NAME} draws on the grid {' or '.join(get_args(Grid))}, not {self.grid!r}.")
        if not (math.isfinite(self.th) and self.th > 0):
            raise InputError(f"{NAME} needs th above 0, in grey levels or pixels, not {self.th:g}.")
        whole = self.norm == "l0" or (self.norm == "linf" and self.grid == "8-bit")
        if whole and self.th != int(self.th):
            raise InputError(f"{self.norm} needs a whole th, not {self.th:g}.")

    @property
    def spec(self) -> str:
        """With every parameter: ``random(norm=linf,th=3,grid=8-bit)``."""
        return f"{NAME}(norm={self.norm},th={self.th:.12g},grid={self.grid})"

    @property
    def words(self) -> str:
        """What the share is a share of, in a sentence's object."""
        th, whole = f"{self.th:g}", self.grid == "8-bit"
        rounded = ", rounded to whole grey levels" if whole else ""
        match self.norm:
            case "linf":
                what = "all 8-bit images" if whole else "all images with continuous values"
                return f"{what} whose values each lie within {th} of 255 of the image’s, all equally likely"
            case "l0":
                colours = "8-bit colours" if whole else "colours of continuous values"
                return f"all choices of {plural(int(self.th), 'pixel')} and of {colours} for them, all equally likely"
            case "l2":
                return (
                    f"changes drawn uniformly from the ball of L2 radius {th} (of 255), cut to the range of values"
                    f"{rounded}"
                )
        return f"normal changes of standard deviation {th} (of 255) in every value, cut to the range of values{rounded}"

    def dimension(self, shape: tuple[int, int, int]) -> int:
        """Standard normal numbers that an image of ``shape`` (H, W, C) takes."""
        height, width, channels = shape
        values = height * width * channels
        return values + {"l0": height * width, "l2": 1}.get(self.norm, 0)

    def images(self, normal: Tensor, clean: Tensor) -> Tensor:
        """Grey levels n×H×W×C, floats, that ``normal`` n×D stand for around ``clean``, H×W×C grey levels.

        Independent standard normal numbers become independent draws. Raises ``InputError`` where an image has fewer
        pixels than th.
        """
        match self.norm:
            case "linf":
                return self._in_box(normal, clean)
            case "l0":
                return self._few_pixels(normal, clean)
            case "l2":
                change = _in_ball(normal) * self.th
            case _:
                change = normal * self.th
        images = clean + change.view(-1, *clean.shape)
        return (images.round() if self.grid == "8-bit" else images).clamp(0, 255)

    def _in_box(self, normal: Tensor, clean: Tensor) -> Tensor:
        low, high = (clean - self.th).clamp(min=0), (clean + self.th).clamp(max=255)
        return self._between(normal.view(-1, *clean.shape), low, high)

    def _few_pixels(self, normal: Tensor, clean: Tensor) -> Tensor:
        """The pixels of the th largest numbers take colours."""
        height, width, _ = clean.shape
        if self.th > height * width:
            raise InputError(f"{self.spec} changes more than the {height * width} pixels of an image.")
        places, colours = normal[:, : height * width], normal[:, height * width :]
        chosen = torch.zeros_like(places, dtype=torch.bool).scatter_(1, places.topk(int(self.th)).indices, True)
        low = torch.zeros_like(clean)
        coloured = self._between(colours.reshape(-1, *clean.shape), low, low + 255)
        return torch.where(chosen.view(-1, height, width, 1), coloured, clean)

    def _between(self, normal: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Uniform values from ``low`` to ``high``, whole ones on the 8-bit grid."""
        share: Tensor = torch.special.ndtr(normal)
        if self.grid == "8-bit":
            values = (low + share * (high - low + 1)).floor()
            return torch.minimum(values, high)
        return low + share * (high - low)


def _in_ball(normal: Tensor) -> Tensor:
    """n×D uniform in the unit ball, of n×(D + 1) standard normal numbers: a direction, and a radius U^(1/D)."""
    direction = normal[:, :-1]
    radius: Tensor = torch.special.ndtr(normal[:, -1:].double()) ** (1 / direction.shape[1])
    unit: Tensor = direction / direction.norm(dim=1, keepdim=True)
    return (unit * radius).to(normal.dtype)


def distribution_words(spec: str) -> str:
    """What the share of a distribution that a run names ``spec`` is a share of; the spec itself where none is known."""
    try:
        found = parse_distribution(spec)
    except InputError:
        return spec
    return spec if found is None else found.words


def parse_distribution(spec: str) -> Distribution | None:
    """The distribution that ``random(linf,th=3)`` names, its norm by name or first; None where ``spec`` is another's.

    Raises ``InputError`` for parameters that there are not.
    """
    name, opened, rest = spec.strip().partition("(")
    if name.strip() != NAME:
        return None
    parts = [part.strip() for part in rest.removesuffix(")").split(",") if part.strip()]
    values: dict[str, str] = {}
    known = [field.name for field in fields(Distribution)]
    for k, part in enumerate(parts):
        key, named, value = (each.strip() for each in part.partition("="))
        key, value = (key, value) if named else ("norm", key) if k == 0 else ("", "")
        if key not in known or key in values:
            raise InputError(f"{spec!r} has {part!r}; expected each of {', '.join(known)} at most once, by name.")
        values[key] = value
    if not opened or not {"norm", "th"} <= values.keys():
        raise InputError(f"{spec!r} does not say what is drawn; expected for example {NAME}(linf,th=3).")
    try:
        th = float(values["th"])
    except ValueError as error:
        raise InputError(f"{spec!r} has th={values['th']}; expected a number.") from error
    return Distribution(values["norm"], th, values.get("grid", "8-bit"))  # type: ignore[arg-type]
