"""Attacks that follow gradients, on anything differentiable."""
