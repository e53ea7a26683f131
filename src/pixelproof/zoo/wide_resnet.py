"""Wide residual networks (Zagoruyko & Komodakis, 2016): pre-activation ResNets that are wide instead of deep."""

from pixelproof.zoo.preact_resnet import PreactResNet
from pixelproof.zoo.recipe import Recipe

RECIPE = Recipe(epochs=30, max_learning_rate=0.2, weight_decay=5e-4)


class WideResNet(PreactResNet):
    """WRN-depth-k: three groups of (depth − 4) / 6 units of 16k, 32k and 64k maps (table 1), without dropout.

    WRN-16-8 has 10,961,370 parameters for 10 classes (table 4: 11.0 M).

    Input: float32 N×3×32×32 in [0, 1]. Output: logits N×classes.
    """

    def __init__(self, depth: int = 16, k: int = 8, classes: int = 10) -> None:
        units, rest = divmod(depth - 4, 6)
        if rest or units < 1:
            raise ValueError(f"A wide ResNet's depth is 6n + 4 (10, 16, 22, …), not {depth}.")
        super().__init__(classes, stem=16, widths=(16 * k, 32 * k, 64 * k), units=units)
