"""A program that is given pictures and prints their scores; it runs, so it needs trust."""

import pixelproof as pp

print(
    pp.assess(
        pp.load_model("command:python classify_files.py", trust_code=True),
        pp.load_data("npz:images.npz"),
        levels=1,
        samples=3,
        max_queries=60,
    )
)
