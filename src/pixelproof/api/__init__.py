"""pixelproof from Python: what is measured (``measure``), what that returns (``result``), in Python's words."""
