"""What the engine relies on, as checks that the authors of a plug-in run: on the command line, or in their own tests.

python -m pixelproof.conformance PACKAGE

@pytest.mark.parametrize("check", checks("PACKAGE"), ids=str)
def test_it_conforms(check):
    check()
"""

from pixelproof.conformance.check import Check, ConformanceError
from pixelproof.conformance.encodings import check_encoding
from pixelproof.conformance.package import checks

__all__ = ["Check", "ConformanceError", "check_encoding", "checks"]
