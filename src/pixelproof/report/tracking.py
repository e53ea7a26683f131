"""A finished assessment for the trackers of experiments: MLflow, TensorBoard, and the Hugging Face Hub."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pixelproof.errors import InputError
from pixelproof.extras import needed
from pixelproof.files import slug
from pixelproof.report.assess import figures, write_report
from pixelproof.report.table import flat
from pixelproof.results.view import View, read
from pixelproof.runs.database import FILE
from pixelproof.runs.store import RunStore
from pixelproof.wording import first_line

#: Longest value of a parameter that every tracking server of MLflow keeps.
_LONGEST = 500


def metrics(view: View) -> Iterator[tuple[str, int, float]]:
    """Name, level and value of what is measured by level, shares in [0, 1]; level 0 for what has none."""
    model = view.manifest.model
    if model.checked:
        yield "clean_accuracy", 0, model.right / model.checked
    for status in view.statuses:
        if status.broken.value is not None:
            name = status.constraint.replace("-", "_")
            yield f"{name}_success_rate", status.threshold, status.broken.value
            yield f"{name}_proved", status.threshold, status.proved / status.total
    for level in view.levels:
        if level.robust.value is not None:
            yield f"{level.attack.replace('-', '_')}_robust_accuracy", level.threshold, level.robust.value
    for row in view.attempts:
        if row.robust.value is not None:
            name = slug(row.key).replace("-", "_").replace(".", "_")
            yield f"{name}_success_rate", 0, row.fooled.value or 0.0
            yield f"{name}_robust_accuracy", 0, row.robust.value


def parameters(view: View) -> dict[str, str]:
    """What decides the result, and what it is of: settings, model, data, identity."""
    manifest = view.manifest
    of = {"model": manifest.model.name, "data": manifest.data.name, "identity": manifest.identity}
    return {key: str(value)[:_LONGEST] for key, value in {**of, **flat(manifest.settings)}.items()}


def to_mlflow(run: RunStore, uri: str, experiment: str = "pixelproof") -> str:
    """Log ``run`` to the tracking server or store at ``uri``: parameters, metrics with levels as steps, figures, the
    report and the run itself; returns the id of MLflow's run. Raises ``InputError`` without the extra ``mlflow``, and
    where MLflow refuses.
    """
    view = _finished(run)
    mlflow = needed("mlflow", "mlflow", "MLflow")
    refused = needed("mlflow.exceptions", "mlflow", "MLflow").MlflowException
    try:
        return _log(mlflow, view, run, uri, experiment)
    except refused as error:
        raise InputError(f"MLflow at {uri} takes nothing ({first_line(error)}).") from error


def _log(mlflow: Any, view: View, run: RunStore, uri: str, experiment: str) -> str:
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    number = client.create_experiment(experiment) if found is None else found.experiment_id
    logged = client.create_run(number, run_name=view.folder or view.manifest.model.name)
    identity: str = logged.info.run_id
    for key, value in parameters(view).items():
        client.log_param(identity, key, value)
    for name, level, share in metrics(view):
        client.log_metric(identity, name, share, step=level)
    with TemporaryDirectory(prefix="pixelproof-") as place:
        folder = Path(place)
        write_report(run, folder / "report.html")
        (folder / FILE).write_bytes(run.to_bytes())
        for figure in figures(run):
            (folder / "figures").mkdir(exist_ok=True)
            (folder / "figures" / f"{figure.name}.svg").write_text(figure.svg(), "utf-8")
        client.log_artifacts(identity, place)
    client.set_terminated(identity)
    return identity


def to_tensorboard(run: RunStore, folder: Path) -> Path:
    """Write ``run`` as an event file into ``folder``: scalars with levels as steps, figures, parameters as text.

    Raises ``InputError`` without the extra ``tensorboard``.
    """
    view = _finished(run)
    needed("tensorboard", "tensorboard", "TensorBoard")
    from io import BytesIO

    import numpy as np
    from PIL import Image
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for name, level, value in metrics(view):
            writer.add_scalar(name, value, level)
        lines = [f"- {key}: {value}" for key, value in parameters(view).items()]
        writer.add_text("parameters", "\n".join(lines))
        for figure in figures(run):
            picture = np.asarray(Image.open(BytesIO(figure.png())).convert("RGB"))
            writer.add_image(figure.name, picture, dataformats="HWC")
    return folder


def to_eval_results(run: RunStore, path: Path, dataset: str) -> Path:
    """Write ``run`` as a file for ``.eval_results`` of a model's repository on the Hugging Face Hub.

    ``dataset``: the benchmark's id there. One entry a measure, in percent. Raises ``InputError`` without the extra
    ``hf``, or where ``dataset`` is no id.
    """
    view = _finished(run)
    if dataset.count("/") != 1 or not all(dataset.split("/")):
        raise InputError(
            f"--dataset: the id of a dataset on the Hub was expected, as uoft-cs/cifar10, not {dataset!r}."
        )
    hub = needed("huggingface_hub", "hf", "A file of evaluation results")
    yaml: Any = needed("yaml", "hf", "A file of evaluation results")
    manifest, chosen = view.manifest, view.manifest.selection
    notes = f"pixelproof run {manifest.identity[:12]}: {len(chosen.samples)} of {chosen.considered} images attacked"
    entries = [
        hub.EvalResultEntry(
            dataset_id=dataset,
            task_id=f"{name}_th{level}" if level else name,
            value=round(100 * value, 4),
            date=view.date,
            notes=notes,
        )
        for name, level, value in metrics(view)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(hub.eval_result_entries_to_yaml(entries), sort_keys=False), "utf-8")
    return path


def _finished(run: RunStore) -> View:
    manifest = run.manifest
    if manifest.job != "assess":
        raise InputError(f"Trackers are told of runs of pixelproof assess; this one is of {manifest.job}.")
    if manifest.status != "finished":
        raise InputError("The run is not finished, and its rates are not known; go on with pixelproof resume first.")
    return read(run)
