"""A suite of two cases that take a second each, for tests that run, stop or kill it."""

NAME = "tiny"
TEXT = """
question = "Does it go on?"
model = "vanillacnn"
dataset = "digits"
[train]
epochs = 1
batch_size = 512
threads = 1
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""


def write(folder):
    """The path of the suite's file, written into a folder."""
    path = folder / (NAME + ".toml")
    path.write_text(TEXT)
    return path
