"""A model of MAITE's protocols."""

from mine import MaiteNet

import pixelproof as pp

print(pp.assess(MaiteNet(), pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60))
