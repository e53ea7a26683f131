"""Attacks of other libraries, by name, under our own rules."""
