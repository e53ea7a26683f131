"""What pixelproof relies on, checked of everything that this package brings."""

import pytest

from pixelproof.conformance import Check, checks


@pytest.mark.parametrize("check", checks("pixelproof-example"), ids=str)
def test_it_conforms(check: Check) -> None:
    check()
