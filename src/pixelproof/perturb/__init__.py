"""Common perturbations on a classifier: from a spec to every figure of the page on them."""
