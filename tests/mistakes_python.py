"""Mistakes in Python: what is called, and what the one sentence about it must say.

The model tells dark grey images 9×7 from bright ones; ``I`` are 120 of them and ``L`` their labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import pixelproof as pp

Mistake = tuple[Callable[[], object], tuple[str, ...]]

L = np.arange(120) % 2
_NOISE = np.random.default_rng(0).integers(-40, 41, (120, 9, 7))
I = np.clip(110 + 35 * L[:, None, None] + _NOISE, 0, 255).astype(np.uint8)[..., None]  # noqa: E741
PAIRS = TensorDataset(torch.from_numpy(I).permute(0, 3, 1, 2) / 255, torch.from_numpy(L))
CLAIM = {
    "clean_accuracy": 90,
    "robust_accuracy": 50,
    "threat": {"goal": "untargeted", "knowledge": "white-box", "norm": "linf", "epsilon": 8},
    "evaluation": {"attack": "pgd"},
}


def brightness() -> nn.Module:
    """A linear model of grey images 9×7: darker or brighter than 0.5."""
    layer = nn.Linear(63, 2)
    with torch.no_grad():
        layer.weight[0], layer.weight[1] = -20 / 63, 20 / 63
        layer.bias[0], layer.bias[1] = 10, -10
    return nn.Sequential(nn.Flatten(), layer)


MODEL = brightness()


class Estimator:
    """As scikit-learn's."""

    def predict_proba(self, rows: object) -> object:
        return rows


def _assess(**options: Any) -> Callable[[], object]:
    return partial(pp.assess, MODEL, I, L, **{"samples": 2, "levels": 1, "max_queries": 20, **options})


def _model(model: object) -> Callable[[], object]:
    return partial(pp.assess, model, I, L, samples=2)


def _data(images: object, labels: object = None, **options: Any) -> Callable[[], object]:
    return partial(pp.assess, MODEL, images, labels, **{"samples": 2, **options})


def _result(use: Callable[[pp.Result], object]) -> Callable[[], object]:
    return lambda: use(pp.assess(MODEL, I, L, samples=2, levels=1, max_queries=20))


HUGE = 10**5000

OPTIONS: Mapping[str, Mistake] = {
    "no level": (_assess(levels=[]), ("levels: every level th must lie in 1..255, not []",)),
    "th = 0": (_assess(levels=0), ("levels: every level th must lie in 1..255, not [0]",)),
    "th = 999": (_assess(levels=999), ("levels: every level th must lie in 1..255, not [999]",)),
    "levels that are None": (_assess(levels=None), ("levels: ", "valid integer", "given: None")),
    "half a level": (_assess(levels=2.5), ("levels: ", "valid integer", "given: 2.5")),
    "a word among levels": (_assess(levels=[1, "a"]), ("levels: ", "given: 'a'")),
    "levels = True": (_assess(levels=True), ("levels: a number was expected, not True or False",)),
    "a level of 5,000 digits": (_assess(levels=HUGE), ("levels: ", "a number of thousands of digits")),
    "attacks that are None": (_assess(attacks=None), ("attacks: ", "given: None")),
    "attacks that are a number": (_assess(attacks=3), ("attacks: ", "given: 3")),
    "no attack": (_assess(attacks=[]), ("attacks: name at least one attack, such as few-pixel",)),
    "an unknown attack": (_assess(attacks="fgms"), ("attacks: there is no attack 'fgms' (is fgsm meant?)",)),
    "no epsilon": (_assess(attacks="pgd(epsilon=0)"), ("attacks: an epsilon above 0 was expected, not 0",)),
    "an unknown parameter": (_assess(attacks="pgd(eps=3)"), ("'pgd(eps=3)' has 'eps=3'; expected each of norm,",)),
    "no sample": (_assess(samples=0), ("samples: a whole number from 1 on", "given: 0")),
    "half a sample": (_assess(samples=2.5), ("samples: a whole number from 1 on", "given: 2.5")),
    "samples = True": (_assess(samples=True), ("samples: a whole number from 1 on", "given: True")),
    "more samples than images": (_assess(samples=1000), ("1000 samples are asked for", "of the 120 images")),
    "an unknown preset": (
        _assess(preset="quik"),
        ("preset: ", "'quick', 'standard' or 'paper'", "is quick meant?"),
    ),
    "an unknown search": (_assess(search="squar"), ("search: there is no search 'squar' (is square meant?)",)),
    "unknown knowledge": (_assess(knowledge="label"), ("knowledge: ", "'labels', 'scores' or 'gradients'")),
    "no knowledge": (_assess(knowledge=()), ("knowledge: name at least one of labels, scores, gradients",)),
    "knowledge without levels": (
        _assess(knowledge="labels", attacks="pgd(epsilon=8)"),
        ("knowledge is of attacks with levels: add few-pixel or threshold to attacks",),
    ),
    "a search without scores": (
        _assess(knowledge="labels", search="de"),
        ("search is of searches by scores: add scores to knowledge",),
    ),
    "certificates without scores": (
        _assess(knowledge="labels", certify="bounds"),
        ("certify is of searches by scores: add scores to knowledge",),
    ),
    "one query": (_assess(max_queries=1), ("max_queries: ", "greater than or equal to 2")),
    "a target beyond the classes": (_assess(target=99), ("target: the model has the classes 0..1, so 99",)),
    "a target by name": (_assess(target="cat"), ("target: it is none, least-likely, next, random or a class number",)),
    "a target of 5,000 digits": (_assess(target=HUGE), ("target: ", "not 'a number of thousands of digits'")),
    "an unknown fitness": (_assess(fitness="loss"), ("fitness: ", "'margin' or 'confidence'", "given: 'loss'")),
    "an unknown certificate": (_assess(certify="bonds"), ("certify: ", "(given: 'bonds'; is bounds meant?)")),
    "certified masks without masks": (_assess(certify="masks"), ("certify masks: ", "add defence masks(4)")),
    "no time": (_assess(certify_seconds=0), ("certify_seconds: ", "greater than 0")),
    "time that is no number": (_assess(certify_seconds=float("nan")), ("certify_seconds: ", "finite number")),
    "an unknown defence": (_assess(defence="jpge(75)"), ("There is no defence 'jpge(75)' (is jpeg meant?)",)),
    "a quality of 0": (_assess(defence="jpeg(0)"), ("A JPEG quality of 1 to 100 was expected, not 0",)),
    "access without a defence": (_assess(access="adaptive"), ("access adaptive is of attacks on a defence: add",)),
    "an unknown corruption": (_assess(corruption="fgo(3)"), ("There is no perturbation 'fgo' (is fog meant?)",)),
    "a corruption without strength": (_assess(corruption="fog"), ("NAME(STRENGTH), as fog(3)", "not 'fog'")),
    "a range of one end": (_assess(range=(5,)), ("range: a start and a stop were expected", "not (5,)")),
    "a range that is a number": (_assess(range=5), ("range: a start and a stop were expected", "not 5")),
    "a range of words": (_assess(range=("a", "b")), ("range: a start and a stop were expected", "not ('a', 'b')")),
    "a range in steps": (_assess(range=range(0, 9, 2)), ("range: ", "not range(0, 9, 2)")),
    "a range backwards": (_assess(range=(9, 5)), ("range: a range START:STOP needs 0 <= START < STOP, not 9:5",)),
    "a range past the end": (_assess(range=(0, 999)), ("range: 0:999 reaches past the 120 images of arrays",)),
    "a range of 5,000 digits": (_assess(range=(0, HUGE)), ("range: ", "not 0:a number of thousands of digits")),
    "shuffle = True": (_assess(shuffle=True), ("shuffle: a number was expected, not True or False",)),
    "a negative seed": (_assess(seed=-1), ("seed: ", "greater than or equal to 0")),
    "no seed": (_assess(seed=None), ("seed: ", "valid integer", "given: None")),
    "an unknown precision": (_assess(precision="float16"), ("precision: ", "'float32' or 'bfloat16'")),
    "an unknown device": (_assess(device="tpu"), ("device: it is auto, cpu or cuda, not 'tpu'",)),
    "a device of torch that is not known": (_assess(device=torch.device("meta")), ("device: ", "not 'meta'")),
    "an unknown kind of scores": (_assess(kind="softmax"), ("kind: scores are logits, probabilities, labels",)),
    "a smallest threshold above 255": (_assess(minimal=256), ("minimal: ", "less than or equal to 255")),
    "an option misspelt": (_assess(levles=(1,)), ("pp.assess has no option levles; did you mean levels?",)),
    "an option of others": (_assess(epsilon=0.1), ("pp.assess has no option epsilon",)),
    "data by name": (_assess(data="bundled"), ("there is no option data; hand over the model and the images",)),
    "trust from Python": (_assess(trust_code=True), ("there is no option trust_code",)),
    "a number as folder": (_assess(out=3), ("out: a folder was expected, as in 'run', not 3",)),
    "a file as folder": (_assess(out=__file__), ("mistakes_python.py cannot be written", "choose another out")),
    "a number that listens": (_assess(listener=3), ("listener: a function of the progress was expected, not 3",)),
    "one class name": (_assess(class_names=["one"]), ("at least 2 classes, but the data name 1",)),
    "class names in one text": (_assess(class_names="ab"), ("class_names: a list of names was expected, not 'ab'",)),
    "class names that are a number": (_assess(class_names=3), ("class_names: a list of names was expected, not 3",)),
}

MODELS: Mapping[str, Mistake] = {
    "a model by name": (
        _model("zoo:lenet"),
        ("is given as 'zoo:lenet'; expected the model itself, as pp.load_model(",),
    ),
    "the path of a model": (_model(Path("net.pt")), ("The model is given as 'net.pt'",)),
    "no model": (_model(None), ("What is of type NoneType is no model",)),
    "a class": (_model(nn.Flatten), ("Flatten is a class, not a model", "so create one: Flatten(…)")),
    "a state dict": (_model(MODEL.state_dict()), ("OrderedDict is no model", "let it load_state_dict() these weights")),
    "a checkpoint": (_model({"model": MODEL, "epoch": 3}), ("dict is no model", "the mapping (model, epoch)")),
    "an estimator": (_model(Estimator()), ("Estimator is no model", "pp.load_model('sklearn:FILE')")),
    "a tensor": (_model(torch.ones(3)), ("What is of type Tensor is no model",)),
    "two answers": (
        _model(lambda x: (MODEL(x), 1)),
        ("returned a tuple; expected scores N×K", "wrap it to return the"),
    ),
    "an answer by name": (_model(lambda x: {"logits": MODEL(x)}), ("returned a dict; expected scores N×K",)),
    "no answer": (_model(lambda x: None), ("returned a NoneType; expected scores N×K",)),
    "an answer of words": (_model(lambda x: ["cat"] * len(x)), ("returned an array of <U3; expected scores N×K",)),
    "a module that fails": (_model(nn.Conv2d(3, 2, 3)), ("failed on 64 images of shape 1×9×7 (C×H×W", "RuntimeError")),
    "a function that fails": (_model(lambda x: 1 / 0), ("with ZeroDivisionError: division by zero; check",)),
    "channels last": (_model(lambda x: x @ torch.ones(1, 2)), ("of shape 1×9×7 (C×H×W, values in [0, 1])",)),
    "a function of two things": (_model(lambda x, y: x), ("missing 1 required positional argument: 'y'",)),
    "scores that are no numbers": (_model(lambda x: MODEL(x) * torch.nan), ("NaN or infinite scores for 120 of 120",)),
    "scores that never change": (_model(lambda x: torch.ones(len(x), 2)), ("gave the same scores to all of 120",)),
    "classes the wrong way round": (_data(I, 1 - L), ("right on 0 of 120 images", "no better than chance among 2")),
    "fewer classes than labels": (_data(I, L + 7), ("scores 2 classes, but the labels run up to 8",)),
    "images of another size": (_data(I[:, :5], L), ("failed on 64 images of shape 1×5×7",)),
    "no gradients": (
        partial(pp.assess, lambda x: MODEL(x), I, L, samples=2, attacks="pgd"),
        ("needs gradients: The model <lambda> gives no gradients; use few-pixel",),
    ),
    "normalisation of a number": (partial(pp.Normalize, 3, 0, 1), ("What is of type int cannot be normalised",)),
    "a deviation of 0": (partial(pp.Normalize, MODEL, 0, 0), ("Normalisation divides by 0; expected deviations",)),
    "means and deviations": (partial(pp.Normalize, MODEL, [0, 0], [1, 1, 1]), ("has 2 means and 3 deviations",)),
    "a mean by name": (partial(pp.Normalize, MODEL, "a", 1), ("Normalisation by 'a' cannot be; expected one number",)),
    "no mean": (partial(pp.Normalize, MODEL, None, 1), ("Normalisation is by numbers that are not finite",)),
}

DATA: Mapping[str, Mistake] = {
    "no images": (_data(None, L), ("The images are missing; expected arrays",)),
    "no labels": (_data(I), ("The labels are missing; expected N class numbers",)),
    "labels that are None": (_data(I, [None] * 120), ("The label of image 0 is None; expected",)),
    "one label that is None": (_data(I, [0, 1, None] * 40), ("The label of image 2 is None; expected",)),
    "names and numbers": (_data(I, ["a", 1] * 60), ("Labels are names and numbers at once, 'a' and 1",)),
    "labels with fractions": (_data(I, L / 2), ("Labels are float64 with fractions, such as 0.5",)),
    "labels of another length": (_data(I, L[:5]), ("There are 120 images but 5 labels",)),
    "negative labels": (_data(I, L - 1), ("Labels must lie in 0..1", "from -1 to 0")),
    "labels of two axes": (_data(I, np.ones((120, 3))), ("rows without a single 1 among zeros",)),
    "labels that are one text": (_data(I, "cat"), ("Labels are <U3 of shape ()",)),
    "a name that is not among them": (
        _data(I, ["a", "b"] * 60, class_names=["a", "c"]),
        ("The label 'b' is none of the class names (a, c",),
    ),
    "images and labels swapped": (_data(L, I), ("Labels are uint8 of shape (120, 9, 7, 1)",)),
    "one image without its axis": (_data(np.zeros((32, 32, 3), np.uint8), [0]), ("One label is given", "image[None]")),
    "normalised floats": (_data((I / 255 - 0.5) / 0.2, L), ("normalisation belongs inside the model (pp.Normalize)",)),
    "floats to 255": (_data(I.astype(np.float32), L), ("must lie in [0, 1]", "divide them by 255")),
    "numbers above 255": (_data(I.astype(int) + 200, L), ("expected whole numbers from 0 to 255",)),
    "NaN": (_data(I * np.nan, L), ("run from nan to nan",)),
    "two axes": (_data(I[:, :, 0, 0], L), ("have the shape (120, 9); expected N×H×W×C",)),
    "five axes": (_data(I[None], L[:1]), ("have the shape (1, 120, 9, 7, 1)",)),
    "no image": (_data(I[:0], L[:0]), ("There are no labels; expected",)),
    "an empty list": (_data([], [1]), ("have the shape (0,)",)),
    "pictures of two sizes": (_data([I[0], I[0][:3]], [0, 1]), ("of several shapes", "bring all to the size")),
    "grey among colours": (
        _data([I[0], np.zeros((9, 7, 3), np.uint8)], [0, 1]),
        ("(9, 7, 1) and (9, 7, 3)", "to grey or to colour"),
    ),
    "words": (_data(np.array(["a", "b"]), [0, 1]), ("Images are <U1 of shape (2,)",)),
    "data by name instead": (_data("bundled"), ("text 'bundled'; expected the images, as pp.load_data('bundled')",)),
    "the path of a folder": (_data(Path("images")), ("given as the path images", "pp.load_data('folder:images')")),
    "paths of pictures": (_data(["a.png"], [0]), ("given as the path 'a.png'", "as PIL.Image.open(path)")),
    "a number": (_data(3), ("Images are a int; expected arrays, a list of pictures, or a dataset",)),
    "a mapping": (_data({"train": I}), ("Images are a mapping; expected", "or one dataset")),
    "a loader and labels": (_data(DataLoader(PAIRS), L), ("Labels are given beside a dataset, which holds its own",)),
    "an empty dataset": (_data(TensorDataset(Tensor(0, 3, 4, 4), Tensor(0))), ("The dataset is empty",)),
    "a dataset without labels": (_data(TensorDataset(torch.rand(3, 3, 4, 4))), ("gives a tuple; expected pairs",)),
    "a generator of numbers": (_data(each for each in (1, 2)), ("The dataset gives a int; expected pairs",)),
}

NAMED: Mapping[str, Mistake] = {
    "data by a number": (partial(pp.load_data, 3), ("Data are named by a text, not 3",)),
    "data misspelt": (partial(pp.load_data, "bundeld"), ("Unknown data 'bundeld' (is bundled meant?)",)),
    "a kind of data misspelt": (partial(pp.load_data, "foldr:x"), ("(is folder:x meant?)",)),
    "a folder without its kind": (partial(pp.load_data, Path(__file__).parent), ("(is folder:/",)),
    "a file without its kind": (partial(pp.load_data, "set.npz"), ("(is npz:set.npz meant?)",)),
    "no table": (partial(pp.load_data, "csv:nowhere.csv"), ("no file nowhere.csv; expected a table (CSV)",)),
    "no tar file": (partial(pp.load_data, "webdataset:nowhere.tar"), ("no file nowhere.tar; expected a tar file",)),
    "no idx files": (partial(pp.load_data, "idx:nowhere"), ("nowhere has no t10k-images-idx3-ubyte",)),
    "pictures of size 0": (partial(pp.load_data, "folder:x,size=0"), ("size=0 in 'folder:x,size=0' is no size",)),
    "a parameter misspelt": (partial(pp.load_data, "folder:x,sise=3"), ("no parameter sise", "(is size meant?)")),
    "too many to make": (partial(pp.load_data, "pentomino:9999999999"), ("Pentomino needs 1 to 10000000 images",)),
    "a model by a number": (partial(pp.load_model, 3), ("A model is named by a text, not 3",)),
    "a network misspelt": (partial(pp.load_model, "zoo:lenett"), ("no network 'lenett' (is lenet meant?)",)),
    "a kind misspelt": (partial(pp.load_model, "oxnn:a.onnx"), ("'oxnn:a.onnx'; did you mean onnx:a.onnx?",)),
    "no ONNX file": (partial(pp.load_model, "onnx:nowhere.onnx"), ("There is no file nowhere.onnx",)),
    "an ONNX file without its kind": (partial(pp.load_model, "a.onnx"), ("so write onnx:a.onnx",)),
    "an unknown layout": (partial(pp.load_model, "onnx:a.onnx,layout=abc"), ("expected one of nchw, nhwc",)),
    "no estimator": (partial(pp.load_model, "sklearn:nowhere.skops"), ("There is no file nowhere.skops",)),
    "no Keras file": (partial(pp.load_model, "keras:nowhere.keras"), ("There is no file nowhere.keras",)),
    "weights as a model": (partial(pp.load_model, "a.pth"), ("'a.pth' is no program", "FILE.py:FUNCTION")),
    "an unknown normalisation": (
        partial(pp.load_model, "zoo:lenet,normalise=imagent"),
        ("normalise=imagent", "expected imagenet, cifar10, half"),
    ),
    "a mean that is no number": (partial(pp.load_model, "zoo:lenet,mean=a"), ("mean=a", "as in mean=0.485:0.456")),
    "a kind that is none": (partial(pp.load_model, "zoo:lenet,kind=softmax"), ("kind=softmax", "logits, prob")),
    "no trust": (partial(pp.load_model, "net.py:load"), ("Loading net.py can run code", "trust_code=True")),
    "no checkpoint": (partial(pp.load_weights, "nowhere.pth"), ("There is no checkpoint nowhere.pth",)),
    "a checkpoint by a number": (partial(pp.load_weights, 3), ("A checkpoint is named by its path, not 3",)),
    "weights that are text": (partial(pp.load_weights, __file__), ("expected plain weights, so save network.state",)),
    "no run": (partial(pp.load_run, "nowhere"), ("nowhere holds no run",)),
    "a run by a number": (partial(pp.load_run, 3), ("path: a folder was expected, as in 'run', not 3",)),
    "nothing to compare": (pp.compare, ("There is nothing to compare",)),
    "no runs to compare": (partial(pp.compare, "nowhere-1", "nowhere-2"), ("nowhere-1 holds no run",)),
    "an unknown suite": (partial(pp.perturb, MODEL, I, L, suite="cifar"), ("suite: ", "is cifar-c meant?")),
    "a severity of 9": (partial(pp.perturb, MODEL, I, L, severities=9), ("severities lie from 1 to 5, not at 9",)),
    "a norm that is none": (partial(pp.clever, MODEL, I, L, norm="l3"), ("The norm 'l3' is not known",)),
    "a negative radius": (partial(pp.clever, MODEL, I, L, radius=-1), ("A radius above 0 was expected, not -1",)),
    "no batch": (partial(pp.clever, MODEL, I, L, batches=0), ("At least 2 batches of 1 sample were expected",)),
    "no claim": (partial(pp.audit, MODEL, I, L), ("The claim is missing",)),
    "an empty claim": (partial(pp.audit, MODEL, I, L, {}), ("robust_accuracy, threat and evaluation are missing",)),
    "a claim that is a number": (partial(pp.audit, MODEL, I, L, 3), ("claim: a mapping", "was expected, not 3")),
    "no claim file": (partial(pp.audit, MODEL, I, L, "nowhere.toml"), ("There is no claim nowhere.toml",)),
    "a key of a claim misspelt": (
        partial(pp.audit, MODEL, I, L, {**CLAIM, "clean_acuracy": 90}),
        ("claim: clean_acuracy: there is no such key; did you mean clean_accuracy?",),
    ),
    "a key below misspelt": (
        partial(pp.audit, MODEL, I, L, {**CLAIM, "threat": {**CLAIM["threat"], "epsilom": 8}}),  # type: ignore[dict-item]
        ("claim: threat, epsilom: there is no such key; did you mean epsilon?",),
    ),
    "an unknown checkpoint": (partial(pp.audit, MODEL, I, L, CLAIM, only=99), ("only: there is no checkpoint 99",)),
    "a level that was not measured": (
        _result(lambda found: found.robust_accuracy(99, "linf")),
        ("There is no level linf th = 99 in this run; its levels are: few-pixel th = 1",),
    ),
    "an attack that was not run": (
        _result(lambda found: found.adversarial("pgd")),
        ("no attack 'pgd' in this run; its attacks are few-pixel",),
    ),
    "a report over a folder": (
        _result(lambda found: found.report(Path(__file__).parent)),
        ("tests cannot be written", "choose another file"),
    ),
}

MISTAKES: Mapping[str, Mistake] = {**OPTIONS, **MODELS, **DATA, **NAMED}
