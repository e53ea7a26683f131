"""Proofs that no image within a constraint changes a network's answer, and the checker of what they leave."""
