"""What networks that resemble a model say of the way to another answer: their own gradients, which cost no query.

Two networks of one task have gradients in common, less so the noise of each. A mean over views of an image keeps the
common part: of the public ResNet-20, on 38 CIFAR-10 images, the zoo's has a cosine of 0.28 with the gradient at the
image, 0.32 with the means over it and its mirror image, 0.35 with those over shifts by a pixel too.
"""

import torch
from torch import Tensor

from pixelproof.attacks.oracle import Oracle
from pixelproof.errors import InputError

#: Pixels down and across by which views are shifted.
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))


def hints(oracle: Oracle, images: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """Gradients n×S×H×W×C, channels last, of margins of the surrogates of ``oracle`` at ``images`` n×C×H×W in [0, 1].

    S = surrogates × 2 × R: of each the margins of ``labels`` (n) to ``rivals`` (n×R), as a mean over shifts of the
    image, and the same of its mirror image. Raises ``InputError`` where a surrogate gives no gradients.
    """
    classes = torch.cat([labels[:, None], rivals], 1)
    found = []
    for surrogate in oracle.surrogates:
        asked = Oracle(surrogate, oracle.batch_size, oracle.device, len(images), eight_bit=False)
        found += [_mean_gradients(asked, images, classes, mirrored) for mirrored in (False, True)]
    return torch.cat(found, 1).permute(0, 1, 3, 4, 2)


def _mean_gradients(asked: Oracle, images: Tensor, classes: Tensor, mirrored: bool) -> Tensor:
    """n×R×C×H×W of margins of the first of ``classes`` n×(1 + R) to the others."""
    rows, total = torch.arange(len(images), device=images.device), images.new_zeros(())
    for shift in SHIFTS:
        view = images.roll(shift, (2, 3))
        _, gradients = asked.jacobian(view.flip(3) if mirrored else view, rows, classes)
        back = gradients.flip(4) if mirrored else gradients
        total = total + back.roll((-shift[0], -shift[1]), (3, 4))
    return total[:, :1] - total[:, 1:]


def needed(oracle: Oracle, name: str) -> None:
    """Raise ``InputError`` where there is no surrogate for the attack ``name``."""
    if not oracle.surrogates:
        raise InputError(
            f"{name} asks networks that resemble the model; name one with pixelproof assess --surrogate MODEL."
        )
