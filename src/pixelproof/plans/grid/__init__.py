"""Attacks × defences × targets × models: from a spec to every figure of the grid's page."""
