"""Common perturbations as a job."""

#: The folder in that of a run where its perturbations lie.
FOLDER = "perturbations"
