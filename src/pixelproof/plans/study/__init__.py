"""Conducting a study: which networks, which runs over each, what they say to each other's images."""
