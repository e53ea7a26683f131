"""Mistakes on the command line: what is typed, and what the one sentence about it must say.

What is typed is run in a folder with ``FILES``, where ``run`` is a finished run, ``perturbed`` one of another
command.
"""

from __future__ import annotations

from collections.abc import Mapping

from tiny_run import TINY_ARGUMENTS

Mistake = tuple[tuple[str, ...], tuple[str, ...]]

FILES: Mapping[str, str] = {
    "broken.toml": "samples = [1, 2",
    "unknown.toml": 'sampels = 3\nmodel = "zoo:lenet"',
    "word.toml": 'samples = "many"',
    "list.toml": "levels = 3",
    "trust.toml": "trust_code = true",
    "truth.toml": "samples = true",
    "half.toml": "max_queries = 10.5",
    "above.toml": "levels = [1, 999]",
    "search.toml": 'search = "squar"',
    "digits.toml": f"samples = {'9' * 5000}",
    "digits-16.toml": f"range = [0, 0x{'f' * 5000}]",
    "deep.toml": f"levels = {'[' * 5000}{']' * 5000}",
    "mine.toml": 'model = "zoo:lenet"',
    "study.toml": 'data = "bundled"\nsample = 3\n[[networks]]\nmodel = "zoo:lenet"',
    "network.toml": 'data = "bundled"\n[[networks]]\nmodle = "zoo:lenet"',
    "pictures/cat/readme.md": "no picture",
    "pictures/dog/readme.md": "no picture",
    "alone/cat/readme.md": "no picture",
    "weights.pt": "no program",
    "net.py": "def load():\n    return 3\n",
    "words.py": "def load(:\n",
    "images.csv": "path,label\nnowhere.png,cat\n",
    "columns.csv": "file_name,what\n",
    "weights.onnx": "no graph",
}


def _assess(*changes: str) -> tuple[str, ...]:
    """A small assessment with other options."""
    options = dict(zip((*TINY_ARGUMENTS[::2], "--out"), (*TINY_ARGUMENTS[1::2], "out/run"), strict=True))
    options |= dict(zip(changes[::2], changes[1::2], strict=True))
    return ("assess", *(word for pair in options.items() for word in pair))


def _spec(name: str) -> tuple[str, ...]:
    return ("assess", name, "--out", "out/run")


def _check(model: str, data: str = "bundled") -> tuple[str, ...]:
    return ("models", "check", model, "--data", data)


COMMANDS: Mapping[str, Mistake] = {
    "asess": (("asess",), ("No such command 'asess'; did you mean 'assess'?",)),
    "models chek": (("models", "chek"), ("No such command 'chek'; did you mean 'check'?",)),
    "an unknown command": (("frobnicate",), ("No such command 'frobnicate'; see ", "--help")),
    "--sampels": ((*_assess(), "--sampels", "3"), ("No such option --sampels; did you mean --samples?",)),
    "--versoin": (("--versoin",), ("did you mean --version?",)),
    "an unknown option": ((*_assess(), "--zzzzzz"), ("No such option: --zzzzzz; see ", "assess --help")),
    "--samples many": (
        (*_assess(), "--samples", "many"),
        ("Invalid value for '--samples'", "a whole number from 1 on"),
    ),
    "--max-queries 1e3": ((*_assess(), "--max-queries", "1e3"), ("Invalid value for '--max-queries'",)),
    "--knowledge label": (_assess("--knowledge", "label"), ("--knowledge: ", "'labels', 'scores' or 'gradients'")),
    "--minimal by labels": (
        _assess("--knowledge", "labels", "--minimal", "20"),
        ("--minimal is of searches by scores: add scores to --knowledge",),
    ),
    "--surrogate by pixels": (
        _assess("--surrogate", "zoo:nin", "--attacks", "few-pixel"),
        ("--surrogate is of the attack threshold: add it to --attacks.",),
    ),
    "a surrogate's attack by name": (
        _assess("--attacks", "surrogate-regression"),
        ("surrogate-regression is made at each level of threshold with --surrogate MODEL",),
    ),
    "--surrogate zoo:nim": (_assess("--surrogate", "zoo:nim"), ("The zoo has no network 'nim' (is nin meant?)",)),
    "--surrogate without trust": (_assess("--surrogate", "net.py:load"), ("pass --trust-code",)),
    "--samples without a number": ((*_assess(), "--samples"), ("Option '--samples' requires an argument",)),
    "assess without a model": (("assess", "--data", "bundled", "--out", "out"), ("Missing option '--model'",)),
    "assess without data": (("assess", "--model", "zoo:lenet", "--out", "out"), ("Missing option '--data'",)),
    "assess without a folder": (
        ("assess", "--model", "zoo:lenet", "--data", "bundled"),
        ("Missing option '--out'",),
    ),
    "train without a network": (("train",), ("Missing argument 'name'",)),
    "two specs": ((*_assess(), "mine.toml", "half.toml"), ("unexpected extra argument", "half.toml")),
    "list an unknown kind": (("list", "attcks"), ("There is no kind 'attcks' to list",)),
    "--to cvs": (("export", "run", "--to", "cvs"), ("'--to': 'cvs' is not one of", " (is csv meant?); see")),
    "--figures pngg": (("report", "run", "--figures", "pngg"), (" (is png meant?); see",)),
    "a run misspelt": (("status", "rnu"), ("rnu holds no run (is run meant?)",)),
    "--target least-likly": (_assess("--target", "least-likly"), ("'least-likly' (is least-likely meant?)",)),
    "a parameter misspelt": (_assess("--attacks", "pgd(epsilonn=8)"), ("by name (is epsilon meant?)",)),
    "a parameter of a defence misspelt": (_assess("--defence", "jpeg(qualty=8)"), ("by name (is quality meant?)",)),
    "--norm l22": (
        ("clever", "--model", "zoo:lenet", "--data", "bundled", "--norm", "l22"),
        ("The norm 'l22' is not known (is l2 meant?)",),
    ),
    "init over a file": (("init", "mine.toml"), ("mine.toml is there already", "--force")),
    "init to another kind of file": (("init", "spec.json"), ("spec.json is no name of a TOML file",)),
}

SPECS: Mapping[str, Mistake] = {
    "no spec": (_spec("nowhere.toml"), ("There is no spec nowhere.toml",)),
    "a model in place of a spec": (_spec("zoo:lenet"), ("There is no spec zoo:lenet; expected a TOML file",)),
    "a folder in place of a spec": (_spec("pictures"), ("pictures cannot be read (Is a directory)",)),
    "a spec that is no TOML": (_spec("broken.toml"), ("broken.toml cannot be read as TOML",)),
    "a key misspelt": (_spec("unknown.toml"), ("unknown.toml: sampels: there is no such key; did you mean samples?",)),
    "a word for a number": (_spec("word.toml"), ("word.toml: samples: a whole number from 1 on",)),
    "a number for a list": (_spec("list.toml"), ("list.toml: levels: expected a list, as [ … ], not 3",)),
    "trust by a file": (_spec("trust.toml"), ("trust.toml: trust_code: no file can give trust to code",)),
    "a truth value for a number": (
        _spec("truth.toml"),
        ("truth.toml: samples: a whole number from 1 on",),
    ),
    "half a query": (_spec("half.toml"), ("half.toml: max_queries: ", "given: 10.5")),
    "a level of 999 in a file": (_spec("above.toml"), ("above.toml: levels: ", "1..255, not [1, 999]")),
    "an unknown search in a file": (
        _spec("search.toml"),
        ("search.toml: search: ", "no search 'squar' (is square"),
    ),
    "5,000 digits": (_spec("digits.toml"), ("digits.toml cannot be read as TOML: exceeds the limit",)),
    "5,000 digits to the base 16": (
        _spec("digits-16.toml"),
        ("digits-16.toml cannot be read as TOML: a whole number has more than",),
    ),
    "5,000 brackets": (_spec("deep.toml"), ("deep.toml cannot be read as TOML: its values are nested too deeply",)),
    "a spec without data": (_spec("mine.toml"), ("Missing option '--data'; see",)),
    "a study with a key misspelt": (
        ("study", "study.toml", "--out", "out"),
        ("study.toml: sample: there is no such key; did you mean samples?",),
    ),
    "a network with a key misspelt": (
        ("study", "network.toml", "--out", "out"),
        ("network.toml: networks, entry 1, modle: there is no such key; did you mean model?",),
    ),
}

PLACES: Mapping[str, Mistake] = {
    "no program": (_assess("--model", "nowhere.pt2"), ("There is no file nowhere.pt2",)),
    "no TorchScript": (_assess("--model", "nowhere.pt"), ("There is no file nowhere.pt;",)),
    "code without trust": (_assess("--model", "nowhere.py:load"), ("Loading nowhere.py can run code", "--trust-code")),
    "a state dict": (_assess("--model", "nowhere.pth"), ("'nowhere.pth' is no program that runs by itself",)),
    "a network that is none of the zoo": (_assess("--model", "zoo:alexnet"), ("'alexnet'", "lenet, nin, ")),
    "no network": (_assess("--model", "zoo:"), ("The zoo has no network ''",)),
    "no package": (
        (*_assess("--model", "no_such_package.net:load"), "--trust-code"),
        ("There is no module no_such_package",),
    ),
    "no function": ((*_assess("--model", "json:nothing"), "--trust-code"), ("json defines no nothing",)),
    "a module without trust": (_assess("--model", "os:abort"), ("Loading os can run code", "--trust-code")),
    "a name without a kind": (_assess("--model", "lenet"), ("Unknown model 'lenet'",)),
    "nothing as a model": (_assess("--model", ""), ("Unknown model ''",)),
    "a kind of models misspelt": (_assess("--model", "onx:a.onnx"), ("did you mean onnx:a.onnx?",)),
    "a file that is no program": (
        (*_assess("--model", "weights.pt"), "--trust-code"),
        ("weights.pt", "TorchScript"),
    ),
    "a function that gives a number": (
        (*_assess("--model", "net.py:load"), "--trust-code"),
        ("What is of type int is no model",),
    ),
    "a file that does not parse": ((*_assess("--model", "words.py:load"), "--trust-code"), ("SyntaxError",)),
    "a file that is no ONNX graph": (_check("onnx:weights.onnx"), ("weights.onnx",)),
    "a server that is not there": (
        _check("http://127.0.0.1:1/scores,retries=1"),
        ("http://127.0.0.1:1/scores cannot be reached", "expected a server that answers there"),
    ),
    "a program that is not there": (
        (*_check("command:no-such-program"), "--trust-code"),
        ("no-such-program",),
    ),
    "a program without trust": (_check("command:no-such-program"), ("--trust-code", "command")),
    "unknown data": (_assess("--data", "mnist"), ("Unknown data 'mnist'",)),
    "a kind of data misspelt": (_assess("--data", "foldr:x"), ("(is folder:x meant?)",)),
    "no file after the kind": (_assess("--data", "npz:"), ("'npz:' name no place or number",)),
    "no archive": (_assess("--data", "npz:nowhere.npz"), ("There is no file nowhere.npz",)),
    "no folder": (_assess("--data", "folder:nowhere"), ("There is no folder nowhere",)),
    "a folder without pictures": (_assess("--data", "folder:pictures"), ("pictures/cat has no images",)),
    "a folder of one class": (_assess("--data", "folder:alone"), ("alone has 1 class folders",)),
    "a table of pictures that are not there": (_assess("--data", "csv:images.csv"), ("Line 2 of images.csv names",)),
    "a table without columns": (_assess("--data", "csv:columns.csv"), ("columns.csv has no column path or file",)),
    "a folder that cannot be made": (_assess("--out", "mine.toml/run"), ("mine.toml/run cannot be written", "--out")),
    "a file as folder": (_assess("--out", "mine.toml"), ("mine.toml cannot be written", "--out")),
    "another run": (_assess("--out", "run", "--seed", "1"), ("run holds another run", "--out")),
    "a run of another command": (_assess("--out", "perturbed"), ("perturbed holds another run", "--out")),
    "no run to report": (("report", "nowhere"), ("nowhere holds no run",)),
    "no run to go on with": (("resume", "pictures"), ("pictures holds no run",)),
    "an unknown form of export": (("export", "run", "--to", "xslx"), ("xslx",)),
    "a comparison over a run": (("compare", "run", "--out", "run"), ("run holds a run, whose report would be lost",)),
    "no run to take images from": (
        ("transfer", "--from", "nowhere-1", "--model", "zoo:lenet"),
        ("nowhere-1 holds no run",),
    ),
    "no claim": (
        ("audit", "--model", "zoo:lenet", "--data", "bundled", "--claim", "nowhere.toml", "--out", "out"),
        ("There is no claim nowhere.toml",),
    ),
}

VALUES: Mapping[str, Mistake] = {
    "--preset fast": (_assess("--preset", "fast"), ("--preset: ", "'quick', 'standard' or 'paper'", "'fast'")),
    "--attacks fgms": (_assess("--attacks", "few-pixel,fgms"), ("--attacks: there is no attack 'fgms' (is fgsm",)),
    "--attacks ,": (_assess("--attacks", ","), ("--attacks: name at least one attack, such as few-pixel, thr",)),
    "--search random": (
        _assess("--search", "random"),
        ("--search: there is no search 'random' (is sparse-random",),
    ),
    "--fitness loss": (_assess("--fitness", "loss"), ("--fitness: ", "'margin' or 'confidence'", "'loss'")),
    "--precision float16": (_assess("--precision", "float16"), ("--precision: ", "'float32' or 'bfloat16'")),
    "--device tpu": (_assess("--device", "tpu"), ("--device: ", "'auto', 'cpu' or 'cuda'", "'tpu'")),
    "--levels 0": (_assess("--levels", "0"), ("--levels: every level th must lie in 1..255, not [0]",)),
    "--levels 1,-3": (_assess("--levels", "1,-3"), ("--levels: ", "not [1, -3]")),
    "--levels 999": (_assess("--levels", "999"), ("--levels: ", "not [999]")),
    "--levels one": (_assess("--levels", "one"), ("--levels: a whole number was expected, not 'one'",)),
    "--levels 1.5": (_assess("--levels", "1.5"), ("--levels: a whole number was expected, not '1.5'",)),
    "--levels of 5,000 digits": (_assess("--levels", "9" * 5000), ("--levels: a whole number", "of 5,002 characters")),
    "--levels ,": (_assess("--levels", ","), ("--levels: ", "not []")),
    "--samples 0": (_assess("--samples", "0"), ("--samples'", "a whole number from 1 on")),
    "--samples 31": (_assess("--samples", "31"), ("31 samples are asked for", "of the 30 images")),
    "--range 5": (_assess("--range", "5"), ("--range: START:STOP was expected, as in 0:500, not '5'",)),
    "--range a:5": (_assess("--range", "a:5"), ("--range: a whole number was expected, not 'a'",)),
    "--range 0:5:9": (_assess("--range", "0:5:9"), ("--range: a whole number was expected, not '5:9'",)),
    "--range 9:5": (_assess("--range", "9:5"), ("--range: ", "START < STOP, not 9:5")),
    "--range 5:5": (_assess("--range", "5:5"), ("--range: ", "START < STOP, not 5:5")),
    "--range -5:5": (_assess("--range", "-5:5"), ("--range: ", "0 <= START", "not -5:5")),
    "--range 0:1001": (_assess("--range", "0:1001"), ("--range: 0:1001 reaches past the 1000 images",)),
    "--max-queries 1": (_assess("--max-queries", "1"), ("--max-queries: ", "greater than or equal to 2")),
    "--target 99": (_assess("--target", "99"), ("--target: the model has the classes 0..9, so 99 cannot be",)),
    "--target cat": (_assess("--target", "cat"), ("--target: ", "or a class number, not 'cat'")),
    "--target -1": (_assess("--target", "-1"), ("--target: ", "or a class number, not '-1'")),
    "--seed -1": (_assess("--seed", "-1"), ("--seed: ", "greater than or equal to 0")),
    "--seed 2^63": (_assess("--seed", str(2**63)), ("--seed: ", "less than 9223372036854775808")),
    "--shuffle -1": (_assess("--shuffle", "-1"), ("--shuffle: ", "greater than or equal to 0")),
    "--shuffle text": ((*_assess(), "--shuffle", "text"), ("Invalid value for '--shuffle'",)),
    "--minimal 300": (_assess("--minimal", "300"), ("--minimal: ", "less than or equal to 255", "300")),
    "--minimal 0": (_assess("--minimal", "0"), ("--minimal: ", "greater than or equal to 1")),
    "--minimal by de": (
        _assess("--minimal", "127", "--search", "de"),
        ("--minimal: smallest thresholds are sought by", "--search auto alone"),
    ),
    "--minimal as in the papers": (
        _assess("--minimal", "127", "--preset", "paper"),
        ("--minimal: smallest thresholds are sought by", "the presets quick and standard"),
    ),
    "--search of one attack": (
        _assess("--search", "square", "--attacks", "few-pixel,threshold"),
        ("--search square is of the threshold attack alone: add --attacks threshold",),
    ),
    "--search of the other attack": (
        _assess("--search", "pixel-process", "--attacks", "threshold"),
        ("--search pixel-process", "add --attacks few-pixel"),
    ),
    "--defence jpge": (_assess("--defence", "jpge(75)"), ("There is no defence 'jpge(75)' (is jpeg meant?)",)),
    "--corruption fgo": (_assess("--corruption", "fgo(3)"), ("There is no perturbation 'fgo' (is fog meant?)",)),
    "--with corruptions": (_assess("--with", "corruptions"), ("--with: only perturbations can be measured",)),
    "--certify masks": (_assess("--certify", "masks"), ("--certify masks: ", "add --defence masks(4)")),
    "--certify of nothing": (
        _assess("--certify", "bounds", "--attacks", "fgsm"),
        ("--certify: certificates are of attacks with levels",),
    ),
    "--certify-seconds 0": (_assess("--certify-seconds", "0"), ("--certify-seconds: ", "greater than 0")),
}

MISTAKES: Mapping[str, Mistake] = {**COMMANDS, **SPECS, **PLACES, **VALUES}
