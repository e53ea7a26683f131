"""What people who have a program have: it is given pictures, and prints a line of scores for each."""

import sys

import numpy as np
from PIL import Image

WEIGHTS = np.random.default_rng(0).normal(size=(32 * 32 * 3, 5)) / 20

for file in sys.argv[1:]:
    print(*((np.asarray(Image.open(file)) / 255 - 0.5).flatten() @ WEIGHTS))
