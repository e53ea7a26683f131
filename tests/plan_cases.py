"""Small plans that several tests carry out."""

STUDY = """
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
#: What the study is of, and the folders of its runs.
LABELS = ["lenet", "Le Net <b>/ twin", "lenet + bits(3)"]
FOLDERS = ["lenet", "le-net-b-twin", "lenet-bits-3"]
#: LeNet, bare and behind two defences, two attacks and two targets.
GRID = """
data = "bundled"
samples = 5
attacks = ["fgsm(epsilon=2)", "pgd(epsilon=8,iterations=2)"]
targets = ["none", "next"]
defences = ["none", "bits(3)", "bits(3)+smooth(3)"]
access = ["replayed", "adaptive"]

[[models]]
model = "zoo:lenet"
"""
THESIS = """
per_class = 1
gate = 50
pgd = "pgd(epsilon=8,step=2,iterations=3,random_start=false)"

[[subjects]]
name = "CIFAR-10"
model = "zoo:lenet"
data = "bundled"
"""
PLANS = {"grid": GRID, "study": STUDY, "thesis": THESIS}
