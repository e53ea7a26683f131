"""A jitted function of JAX; it is handed NumPy arrays."""

from jax_mine import classify

import pixelproof as pp

print(pp.assess(classify, pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60))
