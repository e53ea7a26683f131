"""The study that the tests conduct, and what it makes."""

TOML = """
data = "bundled"
range = [0, 30]
samples = 4
max_queries = 40

[[networks]]
model = "zoo:lenet"

[[networks]]
model = "zoo:lenet"
name = "Le Net <b>/ twin"

[[defences]]
of = "lenet"
defence = "bits(3)"
"""
LABELS = ["lenet", "Le Net <b>/ twin", "lenet + bits(3)"]
FOLDERS = ["lenet", "le-net-b-twin", "lenet-bits-3"]
