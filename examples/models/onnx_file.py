"""An ONNX file."""

import pixelproof as pp

print(pp.assess(pp.load_model("onnx:net.onnx"), pp.load_data("npz:images.npz"), levels=1, samples=3, max_queries=60))
