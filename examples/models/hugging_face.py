"""An image classifier of transformers, here from a folder."""

import pixelproof as pp

print(pp.assess(pp.load_model("hf:net"), pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60))
