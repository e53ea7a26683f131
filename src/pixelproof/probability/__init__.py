"""The share of a stated distribution of perturbations that breaks an image; never a word on the worst of them."""
