"""A search, an attack, a defence and a corruption for pixelproof, found by their entry points."""
