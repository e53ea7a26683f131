"""Measurements of one model on one data set, and the one runner that carries them out."""
