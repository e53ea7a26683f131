"""torch.export programs and TorchScript files."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.models import ExportedClassifier, TorchScriptClassifier, load_model

pytestmark = pytest.mark.slow

torch.set_num_threads(1)


class Net(nn.Module):
    """Small, with something that differs between training and evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.norm(self.conv(x)).mean((2, 3))))


def _net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def _images(n: int) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(n))


def _export(path, batch: int, *, free: bool = False, net: nn.Module | None = None):
    shapes = ({0: torch.export.Dim("batch")},) if free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net or _net(), (_images(batch),), dynamic_shapes=shapes)
        torch.export.save(program, path)
    return path


def _script(path, net: nn.Module | None = None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(net or _net(), (_images(2),)).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "free", "fixed"), [(4, True, None), (4, False, 4), (1, False, 1)])
def test_exported_programs_take_any_number_of_images(tmp_path, batch, free, fixed):
    path = _export(tmp_path / "net.pt2", batch, free=free)
    model = load_model(str(path), trust_code=True)
    assert isinstance(model, ExportedClassifier)
    assert model.fixed_batch == fixed
    for n in (1, 3, 4, 9):
        images = _images(n).contiguous(memory_format=torch.channels_last)
        scores = model.scores(images)
        assert (scores.shape, scores.dtype) == ((n, 5), torch.float32)
        assert torch.allclose(scores, _net()(_images(n)), atol=1e-5)


def test_exported_fingerprint_is_of_the_file(tmp_path):
    path = _export(tmp_path / "net.pt2", 2)
    assert ExportedClassifier(path).fingerprint == ExportedClassifier(path).fingerprint
    assert ExportedClassifier(path).name == "net"


def test_exported_in_training_mode_is_refused(tmp_path):
    path = _export(tmp_path / "net.pt2", 2, net=_net().train())
    with pytest.raises(ModelError, match="training mode"):
        load_model(str(path), trust_code=True)


def test_exported_with_another_image_size_says_so(tmp_path):
    model = load_model(str(_export(tmp_path / "net.pt2", 2)), trust_code=True)
    with pytest.raises(ModelError, match=r"3×9×9"):
        model.scores(torch.rand(2, 3, 9, 9))


def test_exported_with_two_inputs_is_refused(tmp_path):
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return (x + y).mean((2, 3))

    torch.export.save(torch.export.export(Two(), (_images(2), _images(2))), tmp_path / "net.pt2")
    with pytest.raises(ModelError, match="2 inputs"):
        load_model(str(tmp_path / "net.pt2"), trust_code=True)


@pytest.mark.parametrize("suffix", [".pt", ".ts", ".torchscript"])
def test_torchscript(tmp_path, suffix):
    path = _script(tmp_path / f"net{suffix}")
    model = load_model(str(path), trust_code=True, device=torch.device("cpu"))
    assert isinstance(model, TorchScriptClassifier)
    assert not hasattr(model, "at_precision")
    assert not model.differentiable
    assert torch.allclose(model.scores(_images(7)), _net()(_images(7)), atol=1e-5)


def test_scripts_answer_in_evaluation_mode(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.Dropout(0.5)).train())
        script.save(tmp_path / "net.pt")
    model = load_model(str(tmp_path / "net.pt"), trust_code=True)
    assert model.was_training  # type: ignore[attr-defined]
    assert torch.equal(model.scores(_images(4)), model.scores(_images(4)))
    assert model.module.training  # type: ignore[attr-defined]


def test_no_program_runs_untrusted(tmp_path):
    for path in (_export(tmp_path / "a.pt2", 2), _script(tmp_path / "b.pt")):
        with pytest.raises(ModelError, match="--trust-code"):
            load_model(str(path))


def test_files_that_are_something_else(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "weights.pt")
    with pytest.raises(ModelError, match=r"not a TorchScript.*load_weights"):
        load_model(str(tmp_path / "weights.pt"), trust_code=True)
    (tmp_path / "text.pt2").write_text("x")
    with pytest.raises(ModelError, match=r"not a torch\.export"):
        load_model(str(tmp_path / "text.pt2"), trust_code=True)
    with pytest.raises(ModelError, match="no file"):
        load_model(str(tmp_path / "nowhere.pt2"), trust_code=True)
