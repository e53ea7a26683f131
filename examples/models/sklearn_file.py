"""A scikit-learn classifier that skops saved."""

import pixelproof as pp

print(
    pp.assess(pp.load_model("sklearn:net.skops"), pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60)
)
