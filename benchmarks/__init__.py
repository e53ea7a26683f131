"""Side by side with the peers: strength, speed, scale and determinism, measured. Begin at `bench.py`."""
