"""Common perturbations on a classifier: from a spec to every figure of the page on them."""

#: What is measured, in the folder of the measurements.
JOURNAL = "perturbations.jsonl"
#: The folder in that of a run where its perturbations lie.
FOLDER = "perturbations"
