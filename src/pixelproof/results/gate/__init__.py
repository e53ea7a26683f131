"""Whether a run is as robust as it must be, or worse than another: measures, requirements, exact tests."""
