"""Section `attacks`: native attacks beside those of libraries, on the same images in one process, float images for all.

Images per second are of processor time. Success is judged here, in float32, on the images as they are returned.
"""

import time
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import networks
from benchmarks.judged import at_least, at_most
from benchmarks.missing import optional
from benchmarks.options import Options, Parts, Row
from benchmarks.pictures import Pictures, correct
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.models import TorchClassifier
from pixelproof.seeds import Streams

CPU = torch.device("cpu")
#: Rounding errors of a norm in float32.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Pair:
    """The same attack, ours and ART's, at the same settings. ``near``: it seeks the nearest image by this norm."""

    ours: str
    theirs: str
    images: int
    near: float | None = None
    epsilon: float | None = None  # in grey levels, where L∞ is bounded


PAIRS = {
    "fgsm": Pair("fgsm(epsilon=2)", "art:FastGradientMethod(eps=2/255,batch_size=64)", 128, epsilon=2),
    "bim": Pair(
        "bim(epsilon=8,step=2,iterations=10)",
        "art:BasicIterativeMethod(eps=8/255,eps_step=2/255,max_iter=10,batch_size=64)",
        64,
        epsilon=8,
    ),
    "pgd": Pair(
        "pgd(epsilon=8,step=2,iterations=20)",
        "art:ProjectedGradientDescent(eps=8/255,eps_step=2/255,max_iter=20,num_random_init=1,batch_size=64)",
        64,
        epsilon=8,
    ),
    "apgd": Pair(
        "apgd(epsilon=1,iterations=50)",
        "art:AutoProjectedGradientDescent(eps=1/255,eps_step=2/255,max_iter=50,nb_random_init=1,batch_size=64)",
        64,
        epsilon=1,
    ),
    "deepfool": Pair(
        "deepfool(iterations=100,overshoot=1e-6)", "art:DeepFool(max_iter=100,epsilon=1e-6,batch_size=32)", 32, near=2
    ),
    "newtonfool": Pair("newtonfool(iterations=100)", "art:NewtonFool(max_iter=100,eta=0.01,batch_size=32)", 32, near=2),
    "cw-l2": Pair(
        "cw-l2(binary_search_steps=5,iterations=50,initial_constant=0.01)",
        "art:CarliniL2Method(binary_search_steps=5,max_iter=50,initial_const=0.01,batch_size=16)",
        16,
        near=2,
    ),
    "cw-linf": Pair("cw-linf", "art:CarliniLInfMethod(max_iter=10,batch_size=16)", 16, near=torch.inf),
    "virtual-adversarial": Pair(
        # ART asks the model once for every value of the image in each iteration.
        "virtual-adversarial(epsilon=128)",
        "art:VirtualAdversarialMethod(eps=128/255,max_iter=3,batch_size=8)",
        8,
    ),
    "jsma": Pair("jsma", "art:SaliencyMapMethod(theta=1.0,gamma=0.145,batch_size=8)", 8),
    "elastic-net": Pair(
        "elastic-net(searches=5,iterations=50)",
        "art:ElasticNet(beta=0.1,binary_search_steps=5,max_iter=50,batch_size=16)",
        16,
    ),
    "universal": Pair(
        "universal(epsilon=10)", "art:UniversalPerturbation(attacker='deepfool',eps=10/255,max_iter=5)", 32, epsilon=10
    ),
    "shadow": Pair("shadow(iterations=100)", "art:ShadowAttack(nb_steps=100,batch_size=1)", 8),
    "rotation-translation": Pair(
        "rotation-translation",
        "art:SpatialTransformation(max_translation=10,num_translations=5,max_rotation=30,num_rotations=31)",
        32,
    ),
    "square": Pair(
        "square(epsilon=2,queries=1000)", "art:SquareAttack(eps=2/255,max_iter=1000,batch_size=32)", 32, epsilon=2
    ),
    # With a tenth of these iterations ART's fools nothing.
    "zoo": Pair("zoo(queries=4000)", "art:ZooAttack(max_iter=200,binary_search_steps=1,use_resize=False)", 4),
    "boundary": Pair("boundary(queries=1500)", "art:BoundaryAttack(max_iter=150,num_trial=10)", 16, near=2),
    "hop-skip-jump": Pair(
        "hop-skip-jump(queries=2000)", "art:HopSkipJump(max_iter=8,max_eval=1000,init_eval=100)", 8, near=2
    ),
}

#: Nearest-image attacks and the libraries' best at like settings: the mean distance must be at most 1.05 of theirs.
NEAREST = {
    "cw-l2": (
        "cw-l2(binary_search_steps=6,iterations=200)",
        ("foolbox:L2CarliniWagnerAttack(binary_search_steps=6,steps=200,initial_const=0.01)",),
        32,
    ),
    "deepfool": (
        "deepfool(iterations=100)",
        ("foolbox:L2DeepFoolAttack(steps=100,overshoot=1e-6)", "art:DeepFool(max_iter=100,epsilon=1e-6,batch_size=32)"),
        64,
    ),
    "hop-skip-jump": (
        "hop-skip-jump(queries=2000)",
        ("foolbox:HopSkipJumpAttack(steps=12,max_gradient_eval_steps=1000)",),
        16,
    ),
}


#: From labels alone: ours at 10,000 queries, and HopSkipJump of two libraries with so many iterations that it asks no
#: fewer.
LABELS = "label-regression(queries=10000)"
HOP_SKIP_JUMP = {
    "ART": "art:HopSkipJump(norm=inf,max_iter=28,max_eval=10000,init_eval=100,batch_size=64)",
    "Foolbox": "foolbox:HopSkipJumpAttack(steps=28,initial_gradient_eval_steps=100,constraint='linf')",
}


def parts(options: Options) -> Parts:
    """One part a pair, one a comparison of distances, attacks on labels, and the agreement with pyautoattack."""
    found: Parts = {name: partial(_pair, options, name) for name in PAIRS}
    found |= {f"nearest {name}": partial(_nearest, options, name) for name in NEAREST}
    found |= {f"labels {library}": partial(_labels, options, library) for library in HOP_SKIP_JUMP}
    found |= {f"agreement {name}": partial(_agreement, options, name) for name in ("apgd", "square")}
    return found


@dataclass(frozen=True, eq=False)
class Made:
    """What an attack made of some images."""

    success: Tensor  # N bools
    lengths: dict[float, Tensor]  # by order of the norm, N values in grey levels
    queries: float
    seconds: float  # of the processor, an image

    def mean(self, order: float) -> float:
        """The mean distance of successes; infinite where there are none."""
        return float(self.lengths[order][self.success].mean()) if bool(self.success.any()) else float("inf")

    @property
    def rate(self) -> float:
        return 100 * float(self.success.float().mean())


def make(spelling: str, classifier: TorchClassifier, pictures: Pictures, judge: TorchClassifier | None = None) -> Made:
    """Run the attack so spelled, our own or a library's, on all ``pictures`` in one call; ``judge`` decides."""
    attack = parse_attack(spelling)
    images = torch.from_numpy(pictures.images.copy()).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(pictures.labels.copy())
    oracle = Oracle(classifier, 64, CPU, len(images), eight_bit=False)
    streams = Streams([torch.Generator().manual_seed(k) for k in range(len(images))], CPU)
    begun = time.process_time()
    found = attack(oracle, images, Goal(labels), streams).detach()
    seconds = time.process_time() - begun
    asked = Oracle(judge or classifier, 64, CPU, len(images), eight_bit=False)
    answers = asked.labels(found, torch.arange(len(images)))
    change = (found - images).flatten(1) * 255
    lengths = {order: torch.linalg.vector_norm(change, order, dim=1) for order in (2.0, torch.inf)}
    return Made(answers != labels, lengths, float(oracle.queries.float().mean()), seconds / len(images))


def _subject(options: Options, images: int) -> tuple[TorchClassifier, Pictures]:
    module = networks.load(networks.main_network())
    count = max(4, images // 4) if options.small else images
    return TorchClassifier(module, kind="logits"), correct(module, options.data, count)


def _in_bfloat16(classifier: TorchClassifier, pictures: Pictures) -> TorchClassifier:
    """What ``--precision bfloat16`` follows gradients of; the judge stays in float32."""
    few = torch.from_numpy(pictures.images[:8].copy()).permute(0, 3, 1, 2).float() / 255
    return classifier.at_precision(torch.bfloat16, few)


def _within(made: Made, pair: Pair) -> Made:
    if pair.epsilon is None:
        return made
    inside = made.lengths[torch.inf] <= pair.epsilon + 255 * TOLERANCE
    return Made(made.success & inside, made.lengths, made.queries, made.seconds)


def _pair(options: Options, name: str) -> list[Row]:
    optional("art.attacks.evasion")
    pair = PAIRS[name]
    classifier, pictures = _subject(options, pair.images)
    for text in ("fgsm", "art:FastGradientMethod(eps=0.1,batch_size=64)"):  # imports, and kernels chosen
        make(text, classifier, pictures)
    ours, theirs = (_within(make(text, classifier, pictures), pair) for text in (pair.ours, pair.theirs))
    extras = _extras(pair.ours, pair.theirs, ours, theirs, len(pictures))
    rows = [
        at_least(f"{name}: images a second, ours ÷ ART's", theirs.seconds / ours.seconds, "×", 3, **extras),
        at_least(f"{name}: success, ours − ART's", ours.rate - theirs.rate, "points", 0, **extras),
    ]
    if name == "fgsm":
        low = make(pair.ours, _in_bfloat16(classifier, pictures), pictures, classifier)
        half = theirs.seconds / low.seconds
        rows.append(at_least(f"{name}: images a second in bfloat16, ours ÷ ART's", half, "×", None, success=low.rate))
    if pair.near is not None and bool(ours.success.any()) and bool(theirs.success.any()):
        ratio = ours.mean(pair.near) / theirs.mean(pair.near)
        rows.append(at_most(f"{name}: mean distance, ours ÷ ART's", ratio, "×", 1.05, **extras))
    return rows


def _nearest(options: Options, name: str) -> list[Row]:
    own, libraries, images = NEAREST[name]
    for package in {library.partition(":")[0] for library in libraries}:
        optional({"art": "art.attacks.evasion"}.get(package, package))
    classifier, pictures = _subject(options, images)
    ours = make(own, classifier, pictures)
    theirs = {library: make(library, classifier, pictures) for library in libraries}
    whole = {library: made for library, made in theirs.items() if made.rate >= ours.rate - 2}
    best = min(whole or theirs, key=lambda library: theirs[library].mean(2.0))
    extras = _extras(own, best, ours, theirs[best], len(pictures))
    ratio = ours.mean(2.0) / theirs[best].mean(2.0)
    return [at_most(f"{name}: mean L2, ours ÷ the best library's", ratio, "×", 1.05, **extras)]


def _labels(options: Options, library: str) -> list[Row]:
    optional({"ART": "art.attacks.evasion", "Foolbox": "foolbox"}[library])
    classifier, pictures = _subject(options, 20)
    ours, theirs = (make(text, classifier, pictures) for text in (LABELS, HOP_SKIP_JUMP[library]))
    extras = _extras(LABELS, HOP_SKIP_JUMP[library], ours, theirs, len(pictures))
    ratio = theirs.mean(torch.inf) / ours.mean(torch.inf)
    claim = f"label-regression: mean L∞ of {library}'s hop-skip-jump ÷ ours"
    return [at_least(claim, ratio, "×", 1.5, **extras)]


def _agreement(options: Options, name: str) -> list[Row]:
    """Success of ours and of pyautoattack's at budgets where some images stand."""
    package = optional("pyautoattack")
    rows: list[Row] = []
    epsilon, queries = (0.5, 0) if name == "apgd" else (2.0, 1_000)
    classifier, pictures = _subject(options, 100)
    spelling = f"apgd(epsilon={epsilon})" if name == "apgd" else f"square(epsilon={epsilon},queries={queries})"
    ours = make(spelling, classifier, pictures)
    images = torch.from_numpy(pictures.images.copy()).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(pictures.labels.copy())
    begun = time.process_time()
    module = networks.load(networks.main_network())
    found = _autoattack(package, name, module, epsilon / 255, queries, images, labels)
    seconds = (time.process_time() - begun) / len(images)
    answers = classifier.scores(found).argmax(1)
    theirs = Made(answers != labels, {}, 0.0, seconds)
    extras = {"attack": spelling, "success": ours.rate, "their_success": theirs.rate, "images": len(images)}
    rows.append(at_least(f"{name}: success, ours − pyautoattack's", ours.rate - theirs.rate, "points", -2, **extras))
    return rows


def _autoattack(
    package: object, name: str, module: nn.Module, epsilon: float, queries: int, x: Tensor, y: Tensor
) -> Tensor:
    kind = package.AutoAttack  # type: ignore[attr-defined]
    attacks = ["apgd-ce" if name == "apgd" else "square"]
    attack = kind(module, norm="Linf", eps=epsilon, version="custom", attacks=attacks, device="cpu", seed=0)
    attack.apgd.n_restarts = 1
    if queries:
        attack.square.n_queries = queries
    found: tuple[Tensor, Tensor] = attack.run_standard_evaluation(x, y, batch_size=100)
    return found[0]


def _extras(own: str, other: str, ours: Made, theirs: Made, images: int) -> Row:
    return {
        "attack": own,
        "library": other,
        "images": images,
        "success": round(ours.rate, 1),
        "their_success": round(theirs.rate, 1),
        "mean_l2": _number(ours.mean(2.0)),
        "their_mean_l2": _number(theirs.mean(2.0)),
        "mean_linf": _number(ours.mean(torch.inf)),
        "their_mean_linf": _number(theirs.mean(torch.inf)),
        "mean_queries": round(ours.queries, 1),
        "their_mean_queries": round(theirs.queries, 1),
        "seconds_per_image": round(ours.seconds, 5),
        "their_seconds_per_image": round(theirs.seconds, 5),
    }


def _number(value: float) -> float | None:
    return None if value == float("inf") else round(value, 3)
