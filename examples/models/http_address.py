"""A model behind a URL; python serve.py starts one."""

import pixelproof as pp

print(
    pp.assess(
        pp.load_model("http://127.0.0.1:8000/predict"),
        pp.load_data("npz:images.npz"),
        levels=1,
        samples=3,
        max_queries=60,
    )
)
