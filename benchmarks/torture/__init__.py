"""`make torture`: what a hostile user, a bad machine and time itself do to runs, and what is left of them after it."""
