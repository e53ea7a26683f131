"""A program that torch.export wrote; its loader unpickles, so it needs trust."""

import pixelproof as pp

print(
    pp.assess(
        pp.load_model("net.pt2", trust_code=True), pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60
    )
)
