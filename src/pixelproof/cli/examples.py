"""The examples at the end of every ``--help``: what each does, and what is typed."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape

#: By command; the empty name is that of pixelproof itself. Tests run those that need no files of one's own.
EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "": {
        "Two bundled networks, offline, in three minutes": "pixelproof demo --open",
        "A model of your own, from a file that says what to measure": "pixelproof init && pixelproof assess spec.toml",
        "Complete commands, options and names with Tab": "pixelproof --install-completion",
    },
    "assess": {
        "A bundled network": "pixelproof assess --model zoo:lenet --data bundled --samples 5 --out run",
        "Of yours": "pixelproof assess --model net.py:load --trust-code --data folder:photos --out run",
        "An ONNX model, one level, other attacks": (
            "pixelproof assess --model onnx:net.onnx --data npz:test.npz --out run --levels 8 --attacks pgd,square"
        ),
        "The share of random changes that breaks an image": (
            'pixelproof assess --model zoo:lenet --data bundled --samples 2 --attacks "random(linf,th=12)" '
            "--failure-probability --out run"
        ),
        "What a file says, and the result for a script": "pixelproof assess spec.toml --json > result.json",
        "A gate: exit code 1 where it is not robust enough, 3 where so few samples cannot tell": (
            'pixelproof assess spec.toml --fail-under "robust-accuracy(linf,1) >= 40%"'
        ),
    },
    "init": {
        "Write spec.toml, to be filled in": "pixelproof init",
        "Under another name": "pixelproof init mine.toml",
    },
    "demo": {"Both networks, then their reports in the browser": "pixelproof demo --out demo-run --open"},
    "status": {
        "How far a run is, also while it is written": "pixelproof status run",
        "For a script": "pixelproof status run --json",
        "All runs of a study, a grid or the demo": "pixelproof status study-run",
    },
    "resume": {
        "Go on where it was interrupted": "pixelproof resume run",
        "With a model that has moved": "pixelproof resume run --model elsewhere/net.py:load --trust-code",
    },
    "verify": {
        "Compute all claims again": "pixelproof verify run",
        "With data that have moved": "pixelproof verify run --data folder:elsewhere",
        "An evidence pack, and who signed it": "pixelproof verify pack.zip --key public.pem",
        "And a tenth of the work done again": "pixelproof verify run --replay 10%",
        "A stranger's run, loading nothing": "pixelproof verify run --records-only",
    },
    "report": {
        "Write the report again": "pixelproof report run",
        "With figures for a paper": "pixelproof report run --figures pdf",
    },
    "export": {
        "Records for a spreadsheet": "pixelproof export run --to csv",
        "All images": "pixelproof export run --to png --out images",
        "To a tracker of experiments": "pixelproof export run --to mlflow --uri http://localhost:5000",
        "For a model's repository": "pixelproof export run --to hf-eval --dataset uoft-cs/cifar10",
    },
    "evidence": {
        "For an auditor": "pixelproof evidence run --out pack",
        "Several runs, signed": "pixelproof evidence run perturbed --out signed-pack --sign key.pem",
    },
    "split": {"Into parts for three machines": "pixelproof split spec.toml --parts 3"},
    "merge": {
        "Three parts": "pixelproof merge part-1 part-2 part-3 --out run",
        "With data that have moved": "pixelproof merge part-1 part-2 --data folder:elsewhere --out run",
    },
    "train": {
        "LeNet on CIFAR-10": "pixelproof train lenet --data cifar10:DIR --out weights",
        "A few epochs on images made here": (
            "pixelproof train resnet20-pentomino --data pentomino:96 --test-data pentomino:32 --epochs 1 --out weights"
        ),
    },
    "study": {
        "Every network of a study": "pixelproof study studies/zoo.toml --out study-run",
        "On the whole test set": "pixelproof study studies/zoo.toml --data cifar10:DIR --out study-run",
    },
    "grid": {"Attacks × defences × targets": "pixelproof grid examples/grid.toml --out grid-run"},
    "perturb": {
        "Two corruptions of all": (
            "pixelproof perturb --model zoo:lenet --data bundled --only fog,rotation --samples 100 --out perturbed"
        ),
        "A suite": "pixelproof perturb --model zoo:resnet20 --data bundled --suite cifar-c --out perturbed",
    },
    "audit": {
        "Is the claim sound?": (
            "pixelproof audit --model zoo:resnet20 --data bundled --claim examples/claim.toml --out audit-run"
        ),
        "Two checkpoints of it": (
            "pixelproof audit --model zoo:lenet --data bundled --claim examples/claim.toml --only 1,2 --out audit-run"
        ),
    },
    "thesis": {
        "Without MNIST": "pixelproof thesis studies/thesis.toml --out thesis-run",
        "With it": "pixelproof thesis studies/thesis.toml --data MNIST=idx:mnist --out thesis-run",
    },
    "check": {
        "Is it robust enough?": 'pixelproof check run --require "robust-accuracy(linf,1) >= 40%"',
        "No worse than another run, for a pull request and a dashboard": (
            "pixelproof check run --baseline other-run --markdown summary.md --junit junit.xml"
        ),
        "As a file says": "pixelproof check run --requirements gate.toml --sarif gate.sarif",
    },
    "compare": {"Two runs over the same data": "pixelproof compare run hardened=other-run --out compared"},
    "transfer": {"What a run found, shown to another model": "pixelproof transfer --from run --model zoo:resnet20"},
    "clever": {
        "Two images, few points": "pixelproof clever --model zoo:lenet --data bundled --samples 2 --batches 5",
        "Beside what a run found": "pixelproof clever --model zoo:lenet --data bundled --batches 5 --with run",
    },
    "list": {
        "Everything that can be named": "pixelproof list",
        "Attacks, for a script": "pixelproof list attacks --json",
    },
    "models check": {"What a model is like, in seconds": "pixelproof models check zoo:lenet --data bundled"},
}


def epilog(command: str) -> str:
    """The examples of ``command`` as the end of its help."""
    # An older typer puts a paragraph on one line, which reads well too.
    lines = (f"{escape(does)}:\n  [bold]{escape(typed)}[/]" for does, typed in EXAMPLES[command].items())
    return "\n\n".join(("Examples", *lines))
