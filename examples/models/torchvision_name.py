"""A network of torchvision, here with the weights of a file."""

import pixelproof as pp

print(
    pp.assess(
        pp.load_model("torchvision:mobilenet_v3_small,weights=net.pth,classes=5"),
        pp.load_data("npz:images.npz"),
        levels=1,
        samples=3,
        max_queries=60,
    )
)
