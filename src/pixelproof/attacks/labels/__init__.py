"""Attacks that see nothing but the class answered."""
