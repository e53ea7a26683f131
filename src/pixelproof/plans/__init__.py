"""Several jobs over several models, and what follows from them together."""
