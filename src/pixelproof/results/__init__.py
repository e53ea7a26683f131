"""Pure functions of records: levels, rates with intervals, curves, classes, duality. No torch, no files."""
