"""Surrogate regression: gradient regression of the model that begins from the gradients of others that resemble it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.attacks.attack import Attack
from pixelproof.attacks.fitness import all_margins
from pixelproof.attacks.goal import Goal, wrong_classes
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.attacks.oracle import Oracle
from pixelproof.attacks.surrogates import hints, needed
from pixelproof.attacks.threshold import Threshold
from pixelproof.errors import InputError
from pixelproof.search.gradient_regression import GradientRegression
from pixelproof.seeds import Streams
from pixelproof.units import to_levels, to_unit

#: Samples that learn from each other.
LANES = 32
#: Rivals, the likeliest by the model's own scores, whose margins the surrogates are asked about.
RIVALS = 2


@dataclass(frozen=True)
class SurrogateRegression(Attack):
    """Every channel value changes by at most ``epsilon`` grey levels; ``queries`` of a sample at most, the judge's too.

    The search of the threshold attack, ``gradient-regression``, in which gradients may also hold shares of those of the
    ``surrogates`` (their names; the networks come with the oracle). How large these are is learnt from the model's
    answers, so a network that does not resemble it costs little.
    """

    name = "surrogate-regression"
    needs = "scores"
    with_surrogates = True
    positive = ("queries",)

    epsilon: int = 1
    queries: int = 1000
    surrogates: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.epsilon <= 255:
            raise InputError(f"{self.name} needs an epsilon from 1 to 255 grey levels, not {self.epsilon}.")
        super().__post_init__()

    @property
    def ball(self) -> NormBall:
        return NormBall("linf", self.epsilon)

    def __call__(self, oracle: Oracle, images: Tensor, goal: Goal, streams: Streams) -> Tensor:
        needed(oracle, self.name)
        found = images.clone()
        for rows in torch.split(goal.rows, LANES):
            lanes = _Lanes(oracle, images[rows], goal, rows, streams, self)
            while len(lanes.rows):
                lanes.round(found)
        return found


class _Lanes:
    """Samples that are searched side by side: ``rows`` of all, and of each the clean image and the lowest margin."""

    def __init__(
        self,
        oracle: Oracle,
        images: Tensor,
        goal: Goal,
        rows: Tensor,
        streams: Streams,
        attack: SurrogateRegression,
    ) -> None:
        self.oracle, self.goal, self.rows = oracle, goal, rows
        self.clean = to_levels(images).contiguous()
        self.until = oracle.queries[rows.cpu()] + attack.queries - 1  # one is the judge's
        self.lowest = torch.full((len(rows),), torch.inf, device=rows.device)
        shape = self.clean.shape[1], self.clean.shape[2], self.clean.shape[3]
        self.encoding, self.search = Threshold(attack.epsilon, shape), GradientRegression(shape)
        own, scores = goal.of(rows), oracle.log_scores(images, rows)
        rivals = wrong_classes(scores, own.labels, RIVALS) if own.targets is None else own.targets[:, None]
        seeds = streams.of(rows).integers(2**62, 1).flatten().tolist()
        generators = [torch.Generator(rows.device).manual_seed(seed) for seed in seeds]
        self.search.add(
            self.encoding.start(self.clean, generators),
            *self.encoding.box(self.clean),
            generators,
            self.clean,
            _margins(own, scores),
            hints(oracle, images, own.labels, rivals),
        )

    def round(self, found: Tensor) -> None:
        """Ask once, put what is better into ``found`` N×C×H×W, learn, and let those go that are through."""
        genomes = self.search.ask()
        left = (self.until - self.oracle.queries[self.rows.cpu()]).to(self.rows.device)
        places = torch.arange(self.search.population, device=self.rows.device)
        asked = places < left.minimum(self.search.wanted())[:, None]
        images = to_unit(self.encoding.decode(genomes, self.clean)[asked.flatten()])
        lane = asked.nonzero()[:, 0]
        scores = self.oracle.log_scores(images, self.rows[lane])
        told = _margins(self.goal.of(self.rows[lane]), scores)
        margins = told.new_full((*asked.shape, told.shape[1]), torch.inf)
        margins[asked] = told
        values = margins.amin(2)
        best, place = values.min(1)
        better = best < self.lowest
        number = torch.full_like(asked, -1, dtype=torch.long)
        number[asked] = torch.arange(len(images), device=number.device)
        found[self.rows[better]] = images[number.gather(1, place[:, None])[better].squeeze(1)]
        self.lowest = torch.minimum(best, self.lowest)
        self.search.tell(values, margins)
        self._keep((self.lowest >= 0) & (left > asked.sum(1)))

    def _keep(self, mask: Tensor) -> None:
        self.search.keep(mask)
        self.rows, self.clean, self.lowest = self.rows[mask], self.clean[mask], self.lowest[mask]
        self.until = self.until[mask.cpu()]


def _margins(goal: Goal, scores: Tensor) -> Tensor:
    """n×K: how far each class lies below the label, infinity for that itself; targeted n×1, what is to be lowered."""
    if goal.targets is not None:
        return goal.loss("margin", scores)[:, None].float()
    return all_margins(scores, goal.labels)
