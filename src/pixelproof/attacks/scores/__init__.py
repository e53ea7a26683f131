"""Attacks that see scores alone."""
