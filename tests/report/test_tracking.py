"""What trackers are told is what the run says: read back from local stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelproof.errors import InputError
from pixelproof.report.tracking import metrics, parameters, to_eval_results, to_mlflow, to_tensorboard
from pixelproof.results.view import read
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from tiny_run import Cli

pytestmark = pytest.mark.slow


def expected(folder: Path) -> dict[tuple[str, int], float]:
    with RunStore.open(folder) as run:
        return {(name, level): value for name, level, value in metrics(read(run))}


def test_metrics_are_those_of_the_levels(finished):
    with RunStore.open(finished) as run:
        view = read(run)
        told = {(name, level): value for name, level, value in metrics(view)}
        for status in view.statuses:
            name = f"{status.constraint.replace('-', '_')}_success_rate"
            assert told[name, status.threshold] == status.broken.value
        assert told["clean_accuracy", 0] == view.manifest.model.right / view.manifest.model.checked


@pytest.mark.filterwarnings("ignore")  # what MLflow's own packages warn of
def test_mlflow_keeps_parameters_metrics_figures_and_the_run(finished, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "store").as_uri()
    with RunStore.open(finished) as run:
        number, values = to_mlflow(run, uri), parameters(read(run))
        again = to_mlflow(run, uri)  # the experiment is there now
    assert again != number
    with RunStore.open(finished) as run, pytest.raises(InputError, match="MLflow at nowhere://here takes nothing"):
        to_mlflow(run, "nowhere://here")
    client = mlflow.MlflowClient(tracking_uri=uri)
    logged = client.get_run(number)
    assert logged.data.params == values
    for (name, level), value in expected(finished).items():
        assert (level, value) in [(m.step, m.value) for m in client.get_metric_history(number, name)]
    names = {each.path for each in client.list_artifacts(number)}
    assert {FILE, "report.html", "figures"} <= names
    assert logged.info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")  # what TensorBoard's own packages warn of
def test_tensorboard_reads_the_scalars_back(finished, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with RunStore.open(finished) as run:
        to_tensorboard(run, tmp_path)
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    for (name, level), value in expected(finished).items():
        assert (level, pytest.approx(value)) in [(each.step, each.value) for each in events.Scalars(name)]
    assert any(tag.startswith("status-") for tag in events.Tags()["images"])


def test_evaluation_results_are_what_the_hub_reads(finished, tmp_path):
    hub, yaml = pytest.importorskip("huggingface_hub"), pytest.importorskip("yaml")
    with RunStore.open(finished) as run:
        path = to_eval_results(run, tmp_path / "some" / "results.yaml", "uoft-cs/cifar10")
        with pytest.raises(InputError, match="id of a dataset"):
            to_eval_results(run, tmp_path / "other.yaml", "cifar10")
    entries = hub.parse_eval_result_entries(yaml.safe_load(path.read_text("utf-8")))
    assert {each.dataset_id for each in entries} == {"uoft-cs/cifar10"}
    told = {each.task_id: each.value for each in entries}
    for (name, level), value in expected(finished).items():
        assert told[f"{name}_th{level}" if level else name] == pytest.approx(100 * value, abs=1e-4)


def test_the_command_says_what_is_missing(cli: Cli, finished, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert "--uri" in cli("export", finished, "--to", "mlflow").err
    assert "--dataset" in cli("export", finished, "--to", "hf-eval").err
    out = tmp_path / "results.yaml"
    assert cli("export", finished, "--to", "hf-eval", "--dataset", "a/b", "--out", out).code == 0
    assert out.exists()
