"""Peak memory of an attack beside its model, in a process of its own."""

import multiprocessing as mp
import resource
from multiprocessing.connection import Connection
from typing import Any

import torch

from benchmarks import networks
from benchmarks.check import to_unit
from benchmarks.ours import timed
from benchmarks.pictures import Pictures
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.models import wrap_model


def peak_beside_model(network: str, pictures: Pictures, threads: int, **options: Any) -> tuple[float, float]:
    """MiB at the peak with the model alone at the attack's batch, and MiB more at the peak of the attack."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, network, pictures, threads, options))
    process.start()
    theirs.close()
    alone, attack = ours.recv()
    process.join()
    return alone, attack - alone


def _measure(link: Connection, name: str, pictures: Pictures, threads: int, options: dict[str, Any]) -> None:
    torch.set_num_threads(threads)
    network = networks.load(name)
    height, width, channels = pictures.images.shape[1:]
    rows = resolve(make_spec(model="-", data="-"), (height, width, channels), "cpu").batch_size
    classifier = wrap_model(network)
    batch = to_unit(pictures.images[:1]).expand(rows, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    for _ in range(3):
        classifier.scores(batch)
    alone = _peak()
    run, _ = timed(network, pictures, **options)
    run.close()
    link.send((alone, _peak()))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
