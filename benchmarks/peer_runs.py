"""Section `peers`: what each peer reaches on the same network and images, and what it costs."""

import statistics
from functools import partial

from benchmarks import networks
from benchmarks.check import distance
from benchmarks.limited import PeerResult, run_peer
from benchmarks.options import THRESHOLDS, Options, Parts, Row
from benchmarks.peers import PEERS, Peer
from benchmarks.pictures import Pictures, correct

#: Slow; in small, one threshold tells enough.
SLOW = ("art",)
#: Has not ended an image in any time we gave it: one threshold tells that.
ENDLESS = ("art-threshold-de",)


def parts(options: Options) -> Parts:
    """One part a peer and threshold."""
    found: Parts = {}
    for name, peer in PEERS.items():
        slow = peer.package in SLOW
        thresholds: tuple[int, ...] = THRESHOLDS if peer.bounded else (0,)
        if name in ENDLESS:
            thresholds = (3,)
        if options.small:
            thresholds = tuple(th for th in thresholds if th in ((3,) if slow else (0, 1, 3)))
        for threshold in thresholds:
            title = f"{name} th={threshold}" if peer.bounded else name
            found[title] = partial(_part, options, name, threshold)
    return found


def count(options: Options, peer: Peer) -> int:
    """How many images ``peer`` gets."""
    return max(1, peer.images // 5) if options.small else peer.images


def _part(options: Options, name: str, threshold: int) -> list[Row]:
    peer, network = PEERS[name], networks.main_network()
    pictures = correct(networks.load(network), options.data, count(options, peer))
    result = run_peer(name, network, pictures, threshold, options.limit, options.threads)
    return [row(name, peer, network, pictures, threshold, result)]


def row(name: str, peer: Peer, network: str, pictures: Pictures, threshold: int, result: PeerResult) -> Row:
    """The row of one peer at one threshold."""
    fooled, total, seconds = sum(result.fooled), len(pictures), sum(result.seconds)
    pixels = [
        int(distance(peer.attack, image[None], clean[None])[0])
        for image, clean, good in zip(result.images, pictures.images, result.fooled, strict=True)
        if good and image is not None
    ]
    level = f", th = {threshold}" if peer.bounded else ""
    return {
        "claim": f"{peer.tool} ({peer.settings}){level}",
        "value": round(100 * fooled / total, 1),
        "unit": "% of images fooled",
        "target": None,
        "holds": None,
        "peer": name,
        "tool": peer.tool,
        "settings": peer.settings,
        "attack": peer.attack,
        "threshold": threshold or None,
        "network": network,
        "fooled": fooled,
        "attacked": total,
        "indices": list(pictures.indices),
        "each": result.fooled,
        "mean_queries": round(result.queries / total, 1),
        "seconds_per_image": round(seconds / total, 3),
        "cpu_seconds_per_image": round(result.cpu_seconds / total, 3),
        "queries_per_second": round(result.queries / seconds, 1),
        "queries_per_cpu_second": round(result.queries / max(result.cpu_seconds, 1e-9), 1),
        "model_share": round(result.model_seconds / seconds, 3),
        "median_distance": statistics.median(pixels) if pixels else None,
        "stopped": result.stopped,
        "troubles": result.troubles,
    }
