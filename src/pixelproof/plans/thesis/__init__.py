"""The thesis's protocol over several data sets: perturbations, PGD, and its published table beside ours."""
