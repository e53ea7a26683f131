"""Weights in a file, of a network whose code one has."""

from pathlib import Path

from mine import Net

import pixelproof as pp

network = Net()
network.load_state_dict(pp.load_weights(Path("net.pth")))
print(pp.assess(network, pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60))
