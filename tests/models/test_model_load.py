"""Models by a short spelling: factories in files and modules, the zoo, and what is refused."""

from __future__ import annotations

import sys
import textwrap

import pytest
import torch
from torch import nn

from pixelproof.errors import ModelError
from pixelproof.models import CallableClassifier, TorchClassifier, load_model
from pixelproof.zoo import registry

NET = """
    from torch import nn
    from {sibling} import CLASSES

    def load():
        return nn.Sequential(nn.Flatten(), nn.Linear(12, CLASSES))
"""


def _write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return folder


@pytest.fixture(autouse=True)
def _import_state_is_restored():
    path, modules = list(sys.path), set(sys.modules)
    yield
    assert sys.path == path
    for name in set(sys.modules) - modules:
        if name.startswith(("pixelproof_user_", "sibling_", "ppmod_")):
            del sys.modules[name]


def _classes(model) -> int:
    return model.scores(torch.rand(2, 3, 2, 2)).shape[1]


def test_a_file_imports_its_siblings(tmp_path):
    _write(tmp_path, net=NET.format(sibling="sibling_a"), sibling_a="CLASSES = 4")
    model = load_model(f"{tmp_path / 'net.py'}:load", trust_code=True, device=torch.device("cpu"))
    assert isinstance(model, TorchClassifier)
    assert model.name == "net.py:load"
    assert _classes(model) == 4


def test_two_folders_with_a_sibling_of_one_name(tmp_path):
    for folder, classes in (("a", 3), ("b", 4)):
        _write(tmp_path / folder, net=NET.format(sibling="sibling_b"), sibling_b=f"CLASSES = {classes}")
    models = [load_model(f"{tmp_path / folder / 'net.py'}:load", trust_code=True) for folder in "aba"]
    assert [_classes(model) for model in models] == [3, 4, 3]


def test_a_file_needs_trust_and_does_not_run_without(tmp_path):
    _write(tmp_path, net="raise SystemExit('ran')")
    with pytest.raises(ModelError, match="--trust-code"):
        load_model(f"{tmp_path / 'net.py'}:load")


def test_what_a_factory_may_return(tmp_path):
    _write(
        tmp_path,
        net="""
        from torch import nn
        from pixelproof.models import wrap_model
        def function(): return lambda images: images.mean((2, 3))
        def classifier(): return wrap_model(nn.Flatten(), kind="probabilities", name="own")
        class Net(nn.Flatten): pass
        def number(): return 3
        def cls(): return Net
        """,
    )
    where = str(tmp_path / "net.py")
    assert isinstance(load_model(f"{where}:function", trust_code=True), CallableClassifier)
    own = load_model(f"{where}:classifier", trust_code=True)
    assert (own.name, own.kind) == ("own", "probabilities")
    assert isinstance(load_model(f"{where}:Net", trust_code=True), TorchClassifier)
    with pytest.raises(ModelError, match="int is no model"):
        load_model(f"{where}:number", trust_code=True)
    with pytest.raises(ModelError, match="Net is a class"):
        load_model(f"{where}:cls", trust_code=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "def load(): raise ValueError('no weights\\nmore')",
            r"load\(\) in .*failed with ValueError: no weights;",
        ),
        ("def load(): return 1 / 0", "ZeroDivisionError"),
        ("def load(path): pass", "TypeError"),
        ("import nowhere_to_be_found", "failed to load with ModuleNotFoundError"),
        ("def load(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("load = 3", "is a int"),
        ("other = 3", "defines no load"),
    ],
)
def test_failing_files_are_named(tmp_path, text, words):
    _write(tmp_path, net=text)
    with pytest.raises(ModelError, match=words) as caught:
        load_model(f"{tmp_path / 'net.py'}:load", trust_code=True)
    assert "\n" not in str(caught.value)
    assert "net.py" in str(caught.value)


def test_sys_path_is_restored_even_when_the_file_changes_it(tmp_path):
    _write(tmp_path, net="import sys\nsys.path.append('/elsewhere')\ndef load(): raise ValueError")
    with pytest.raises(ModelError):
        load_model(f"{tmp_path / 'net.py'}:load", trust_code=True)  # the fixture looks at sys.path


def test_an_importable_module_needs_no_trust(tmp_path, monkeypatch):
    _write(tmp_path, ppmod_net="from torch import nn\ndef load(): return nn.Flatten()\nimport sys")
    _write(tmp_path, ppmod_broken="import ppmod_nothing")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        assert isinstance(load_model("ppmod_net:load", trust_code=True), TorchClassifier)
        with pytest.raises(ModelError, match="no module ppmod_missing"):
            load_model("ppmod_missing.sub:load", trust_code=True)
        with pytest.raises(ModelError, match="ppmod_broken failed to load with ModuleNotFoundError"):
            load_model("ppmod_broken:load", trust_code=True)
        with pytest.raises(ModelError, match="defines no nothing"):
            load_model("ppmod_net:nothing", trust_code=True)


def test_the_zoo(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name: nn.Sequential(nn.Flatten(), nn.Linear(12, 10)).eval())
    model = load_model("zoo:lenet", device=torch.device("cpu"))
    assert (model.name, model.kind, model.differentiable) == ("zoo:lenet", "logits", True)
    assert _classes(model) == 10


def test_an_unknown_network_names_what_there_is():
    with pytest.raises(ModelError, match="resnet20"):
        load_model("zoo:resnet19")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("net.py", "names no function"),
        ("resnet20", "Unknown model"),
        ("", "Unknown model"),
        (":load", "Unknown model"),
        ("a b:load", "Unknown model"),
        ("net.safetensors", "load_weights"),
        ("net.onnx", "so write onnx:net.onnx"),
        ("net.h5", "no program"),
        ("nowhere.py:load", "no file nowhere.py"),
    ],
)
def test_unknown_spellings(spec, words):
    with pytest.raises(ModelError, match=words):
        load_model(spec, trust_code=True)
