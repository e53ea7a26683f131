"""What the verdicts rest on, measured: `make proofs` writes it to results/proofs.json."""
