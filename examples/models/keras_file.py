"""A Keras file."""

import pixelproof as pp

print(pp.assess(pp.load_model("keras:net.keras"), pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60))
