"""The commands whose numbers are held."""

from __future__ import annotations

from pathlib import Path

SPECS = sorted(Path(__file__).parent.glob("*.toml"))
_LENET = ("--model", "zoo:lenet", "--data", "bundled")
_NAMED = (
    "fgsm(epsilon=2),pgd(epsilon=2,iterations=5),apgd(epsilon=2,iterations=10),deepfool,"
    "cw-l2(iterations=20,binary_search_steps=2),cw-linf,jsma,square(epsilon=2,queries=100),hop-skip-jump(queries=300),"
    "boundary(queries=300),nes,zoo,universal(epsilon=8),shadow,worst(fgsm(epsilon=4)|pgd(epsilon=4,iterations=3))"
)
_PAPER = ("--samples", "2", "--preset", "paper", "--levels", "3", "--max-queries", "3000")
_CLEVER = ("--batches", "4", "--batch-samples", "10")

#: By the folder that each writes.
COMMANDS: dict[str, tuple[str, ...]] = {
    "paper": ("assess", *_LENET, *_PAPER),
    "paper-de": ("assess", *_LENET, *_PAPER, "--search", "de"),
    "minimal": ("assess", *_LENET, "--samples", "8", "--minimal", "64", "--max-queries", "300"),
    "named": ("assess", *_LENET, "--samples", "8", "--attacks", _NAMED),
    "adaptive": (
        *("assess", *_LENET, "--samples", "6", "--defence", "jpeg(75)+noise(4)", "--access", "adaptive"),
        *("--attacks", "pgd(epsilon=4,iterations=5)"),
    ),
    "sparse": (
        *("assess", *_LENET, "--samples", "6", "--attacks", "few-pixel", "--search", "sparse-rs", "--levels", "1,3"),
        *("--target", "next", "--max-queries", "200", "--corruption", "fog(2)"),
    ),
    "square": (
        *("assess", *_LENET, "--samples", "6", "--attacks", "threshold", "--search", "square", "--levels", "1,3"),
        *("--independent-levels", "--max-queries", "200"),
    ),
    "perturb": ("perturb", *_LENET, "--samples", "20", "--minimal", "8", "--worst-case", "5"),
    "grid": ("grid", "grid.toml"),
    "study": ("study", "study.toml"),
    "thesis": ("thesis", "thesis.toml"),
    "clever": ("clever", *_LENET, "--samples", "5", *_CLEVER),
    "clever-with": ("clever", *_LENET, *_CLEVER, "--with", "minimal", "--norm", "linf"),
    "transfer": (
        *("transfer", "--from", "minimal", "--from", "paper", "--model", "zoo:lenet", "--defence", "bits(3)"),
    ),
    "audit": ("audit", *_LENET, "--claim", "claim.toml", "--samples", "12", "--iterations", "20"),
    "demo": ("demo",),
}
#: Runs that a command reads.
NEEDS = {"clever-with": ("minimal",), "transfer": ("minimal", "paper")}
