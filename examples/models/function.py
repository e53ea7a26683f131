"""A function from images N×C×H×W in [0, 1] to scores N×K."""

from mine import classify

import pixelproof as pp

print(pp.assess(classify, pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60))
