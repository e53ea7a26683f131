"""Attacks of the Adversarial Robustness Toolbox.

Nicolae et al., "Adversarial Robustness Toolbox v1.0.0", arXiv 1807.01069, 2018.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pixelproof.attacks.libraries.adapter import LibraryAttack
from pixelproof.attacks.libraries.counted import CountedModel
from pixelproof.errors import InputError

#: Takes ``targeted`` for more attacks of the same kind, not for another goal.
_UNTARGETED = frozenset({"AutoAttack"})
_TARGETED_BY_LABEL = frozenset({"SaliencyMapMethod", "TargetedUniversalPerturbation"})
_ON_PROBABILITIES = frozenset({"SimBA", "VirtualAdversarialMethod"})


@dataclass(frozen=True)
class ArtAttack(LibraryAttack):
    """``art:FastGradientMethod(eps=0.03)``: an evasion attack of ART; lengths in units of 1 (8 grey levels are 8/255).

    Many attacks take ``batch_size`` images at once, by default few. ``PixelAttack`` and ``ThresholdAttack`` with
    ``es=0`` are the only ones known not to repeat themselves: their CMA-ES seeds itself from the clock.
    """

    library = "art"
    distribution = "adversarial-robustness-toolbox"
    install = "pip install 'pixelproof[art]'"
    handed_over = frozenset({"classifier", "estimator", "targeted", "summary_writer"})
    alone = frozenset(
        {
            "BoundaryAttack",
            "GeoDA",
            "HopSkipJump",
            "PixelAttack",
            "ShadowAttack",
            "SignOPTAttack",
            "SimBA",
            "ThresholdAttack",
        }
    )
    on_scores = frozenset({"PixelAttack", "SimBA", "SquareAttack", "ThresholdAttack", "ZooAttack"})
    on_labels = frozenset({"BoundaryAttack", "GeoDA", "HopSkipJump", "SignOPTAttack", "SpatialTransformation"})

    @property
    def together(self) -> bool:  # type: ignore[override]
        """Of universal perturbations."""
        return "Universal" in self.attack

    def find(self, model: CountedModel, images: Tensor, aim: Tensor, targeted: bool, seed: int) -> object:
        estimators = self._import("art.estimators.classification")
        classes = model(images[:1]).shape[1]
        estimator = estimators.PyTorchClassifier(
            nn.Sequential(model, nn.Softmax(1)) if self.attack in _ON_PROBABILITIES else model,
            loss=nn.CrossEntropyLoss(),
            input_shape=tuple(images.shape[1:]),
            nb_classes=classes,
            clip_values=(0.0, 1.0),
            device_type="gpu" if images.is_cuda else "cpu",
        )
        attack = self._build(estimator, **dict(self.parameters), **self._manner(targeted))
        chosen = functional.one_hot(aim, classes).float().cpu().numpy()
        # Where every label is a target, an untargeted attack is one without labels.
        wanted = None if self.attack in _TARGETED_BY_LABEL and not targeted else chosen
        found = attack.generate(x=images.cpu().numpy(), y=wanted)
        return torch.from_numpy(found) if isinstance(found, np.ndarray) else found

    def _manner(self, targeted: bool) -> dict[str, object]:
        """``targeted`` and ``verbose`` where the attack has them. Raises ``InputError`` for a goal beyond it."""
        manner: dict[str, object] = {}
        if self.attack == "TargetedUniversalPerturbation" and not targeted:
            raise InputError(f"{self.name} needs targets; give a target class to each image.")
        if "targeted" in self._signature() and self.attack not in _UNTARGETED:
            manner["targeted"] = targeted
        elif targeted and self.attack not in _TARGETED_BY_LABEL:
            raise self._untargeted_only()
        if "verbose" in self._signature() and "verbose" not in dict(self.parameters):
            manner["verbose"] = False
        return manner

    def _attacks(self) -> Mapping[str, Callable[..., Any]]:
        # First what needs a package that the toolbox does not declare, so that the error names it.
        self._import("art.estimators.classification")
        evasion, base = self._import("art.attacks.evasion"), self._import("art.attacks").EvasionAttack
        return {n: each for n, each in vars(evasion).items() if isinstance(each, type) and issubclass(each, base)}
