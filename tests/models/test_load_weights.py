"""Checkpoints, read without running what is in them."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pixelproof.errors import ModelError
from pixelproof.models import load_weights

WEIGHTS = nn.Linear(3, 2).state_dict()


class Evil:
    def __reduce__(self):
        return print, ("pickle ran code",)


def _same(weights) -> bool:
    return weights.keys() == WEIGHTS.keys() and all(torch.equal(weights[key], WEIGHTS[key]) for key in WEIGHTS)


def test_safetensors(tmp_path):
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    assert _same(load_weights(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("entry", [None, "state_dict", "model", "model_state_dict", "net", "network"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_torch_files_entries_and_prefixes(tmp_path, entry, prefix):
    weights = {prefix + key: value for key, value in WEIGHTS.items()}
    torch.save({entry: weights, "epoch": 3} if entry else weights, tmp_path / "w.pth")
    assert _same(load_weights(tmp_path / "w.pth"))


def test_a_prefix_of_some_names_stays(tmp_path):
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "w.pth")
    assert set(load_weights(tmp_path / "w.pth")) == {"module.a", "b"}


def test_pickled_objects_are_refused_and_not_run(tmp_path, capsys):
    torch.save({"a": Evil()}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="pickled Python objects"):
        load_weights(tmp_path / "w.pth")
    torch.save(nn.Linear(3, 2), tmp_path / "whole.pth")
    with pytest.raises(ModelError, match="pickled Python objects"):
        load_weights(tmp_path / "whole.pth")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ModelError):
        load_weights(tmp_path / "plain.pkl")
    assert "ran code" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.ones(1)], torch.ones(1), {"state_dict": {"a": 1}}])
def test_no_weights(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="holds no weights"):
        load_weights(tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_damaged_or_missing(tmp_path, name):
    with pytest.raises(ModelError, match="no checkpoint"):
        load_weights(tmp_path / name)
    (tmp_path / name).write_bytes(b"PK\3\4 damaged" * 5)
    with pytest.raises(ModelError):
        load_weights(tmp_path / name)
