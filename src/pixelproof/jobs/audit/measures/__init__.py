"""What checkpoints measure that is no attack by name; each file holds one measurement."""
