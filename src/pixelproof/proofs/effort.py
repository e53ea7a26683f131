"""The seconds that an attempt may take, and how it ends before a proof."""

import time

from torch import Tensor

#: Giving up early: after this share of the seconds, when that many times the seconds would not do.
TRIED, FAR = 0.1, 4.0


class GaveUp(Exception):  # noqa: N818 - no error, but an end
    """The seconds are over, or clearly will not do; its text is the reason."""


class Broken(Exception):  # noqa: N818 - no error, but an end
    """An image, uint8 H×W×C, that the network answers otherwise."""

    def __init__(self, image: Tensor) -> None:
        super().__init__("broken")
        self.image = image


class Effort:
    """``seconds`` that this thread computes, whatever else the machine does; ``share`` of all that is proved so far.

    The first part of an attempt looks for an image that breaks it; ``attacked`` says when that is over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.share = seconds, 0.0
        self.began = time.thread_time()
        self._bounding: float | None = None

    @property
    def spent(self) -> float:
        """The seconds so far."""
        return time.thread_time() - self.began

    def attacked(self) -> None:
        """From now on the share counts."""
        self._bounding = self.spent

    def check(self) -> None:
        """Raises ``GaveUp`` when the seconds are over, or clearly will not do."""
        spent = self.spent
        if spent > self.seconds:
            raise GaveUp(f"{self.share:.1%} was proved when the {self.seconds:g} s were over")
        if self._bounding is None:
            return
        bounding, left = spent - self._bounding, self.seconds - self._bounding
        if bounding > TRIED * left and bounding > FAR * left * self.share:
            raise GaveUp(
                f"{self.share:.2%} was proved in {spent:.0f} s, so that {self.seconds:g} s would by far not do"
            )
