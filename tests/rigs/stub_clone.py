"""A git clone whose `edgejoule.py run` measures nothing: it writes a bundle of known joules.

Each commit has its own file COSTS: joules, seconds, accuracy and FLOPs times what `bundles`
makes; the noise of a run is drawn from its pair's number, so the same pair costs the same again.
"""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ENTRY = """
import json, os, random, sys
sys.path[:0] = [{root!r}, {tests!r}]
from rigs import bundles
from edgejoule.bench import suite

words = sys.argv[1:]
assert words[0] == "run" and words[2] == "--runs", words
case = suite.read(words[1]).cases[0]
here = os.path.dirname(os.path.abspath(__file__))
costs = dict(joules=1.0, seconds=1.0, accuracy=0.0, flops=1.0, noise=0.01, fail="", power="module")
costs.update(json.load(open(os.path.join(here, "COSTS"))))
place = os.sep.join(words[3].split(os.sep)[-2:])
with open(os.path.join({log!r}), "a") as log:
    log.write(place + "\\n")
if costs["fail"]:
    sys.exit("edgejoule: " + costs["fail"])
fake = case.measure["fake_power"]
noise = 1 + costs["noise"] * random.Random(place).gauss(0, 1)
watts = float(fake) / 10 if fake else 1.0
record = bundles.record(suite.label(case), case.prune, case.train["seed"],
                        "fake" if fake else costs["power"], 2, case=case._asdict())
for phase in record["phases"]:
    phase["seconds"] *= costs["seconds"] * noise
    if phase["joules"] is not None:
        phase["joules"] *= costs["joules"] * noise * watts * costs["seconds"]
    phase["flops"]["exact"] *= costs["flops"]
record["accuracy"] += costs["accuracy"]
if fake:
    record["device"]["fake"] = "constant {{}} W".format(fake)
folder = os.path.join(words[3], "side")
os.makedirs(os.path.join(folder, record["case_id"]))
json.dump(record, open(os.path.join(folder, record["case_id"], "run.json"), "w"))
"""


def make(folder, *costs):
    """(the clone, its commits): one commit for each dict of costs."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "edgejoule.py").write_text(
        ENTRY.format(root=str(ROOT), tests=str(ROOT / "tests"), log=str(log(folder)))
    )
    commits = []
    for each in costs:
        (folder / "COSTS").write_text(json.dumps(each))
        git(folder, "add", "-A")
        git(
            folder,
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "costs",
        )
        commits.append(git(folder, "rev-parse", "HEAD"))
    return folder, commits


def log(folder):
    """Where the clone notes what it ran, one pair-NN/side a line."""
    return folder.parent / (folder.name + ".log")


def ran(folder):
    """What the clone ran so far."""
    return log(folder).read_text().split() if log(folder).exists() else []


def git(folder, *words):
    """What git says."""
    return subprocess.check_output(("git", "-C", str(folder)) + words).decode().strip()
