"""Is a claim of robustness sound? Checkpoints, each answered by measurement.

K. Tekwani & M. Parmar, "Critical Checkpoints for Evaluating Defence Models Against Adversarial Attack and Robustness";
N. Carlini et al., "On Evaluating Adversarial Robustness", arXiv:1902.06705, 2019.
"""
