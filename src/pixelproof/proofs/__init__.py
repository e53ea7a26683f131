"""Proofs that no image within a constraint changes the answer, and the small checker of their certificates."""
