"""Common perturbations as a job."""
