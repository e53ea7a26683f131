"""The zoo: small networks with their weights, and the training that made them."""
