"""Changes one thing in a copy of a real bundle, as an accident or a forger would."""

import json
import re
import shutil

from edgejoule.bench import manifest

KINDS = ("digit", "digit", "digit", "epoch", "trace", "weights", "truncated", "deleted")
NUMBER = re.compile(r'"(?:\\.|[^"\\])*"|(-?\d[\d.eE+-]*)')  # strings are passed over


class Forger:
    """Draws changes with `dice`; `bundles` are whole bundles of one suite, two seeds each."""

    def __init__(self, bundles, dice):
        self.bundles, self.dice = sorted(bundles), dice

    def copy(self, folder, recomputed):
        """(a changed copy below `folder`, what was changed in words); the folder is emptied first.

        `recomputed`: the manifest is written anew, so that it fits what was changed.
        """
        source = self.dice.choice(self.bundles)
        shutil.rmtree(str(folder), ignore_errors=True)
        path = folder / source.name
        shutil.copytree(str(source), str(path))
        kind = self.dice.choice(KINDS)
        told = getattr(self, "_" + kind)(path, source, recomputed)
        if recomputed:
            (path / manifest.NAME).write_text(manifest.text(path), encoding="utf8")
        return path, "{} {}: {}".format(kind, source.name, told)

    def _names(self, path, recomputed, suffix=""):
        found = sorted(each.name for each in path.iterdir() if each.name.endswith(suffix))
        return [name for name in found if not (recomputed and name == manifest.NAME)]

    def _digit(self, path, source, recomputed):
        name = self.dice.choice(self._names(path, recomputed, ".json"))
        text = (path / name).read_text(encoding="utf8")
        spans = [found.span(1) for found in NUMBER.finditer(text) if found.group(1)]
        while True:
            start, end = self.dice.choice(spans)
            place = self.dice.choice([i for i in range(start, end) if text[i].isdigit()])
            digit = self.dice.choice([d for d in "0123456789" if d != text[place]])
            changed = text[:place] + digit + text[place + 1 :]
            if not _same(text[start:end], changed[start:end]):
                break
        (path / name).write_text(changed, encoding="utf8")
        line = text.count("\n", 0, place) + 1
        around = text[max(start - 60, 0) : start].split("\n")[-1]
        return "{}:{} {} {} -> {}".format(
            name, line, around.strip()[-40:], text[start:end], changed[start:end]
        )

    def _epoch(self, path, source, recomputed):
        document = json.loads((path / "run.json").read_text(encoding="utf8"))
        gone = document["epochs"].pop(self.dice.randrange(len(document["epochs"])))
        (path / "run.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf8")
        return "epoch {}".format(gone["epoch"])

    def _trace(self, path, source, recomputed):
        other = self.dice.choice([each for each in self.bundles if each != source])
        shutil.copy(str(other / "trace.json"), str(path / "trace.json"))
        return "the trace of " + other.name

    def _weights(self, path, source, recomputed):
        begin = re.sub(r"-s\d+-[0-9a-f]{8}$", "", source.name)
        other = self.dice.choice(
            [each for each in self.bundles if each != source and each.name.startswith(begin)]
        )
        shutil.copy(str(other / "weights.pt"), str(path / "weights.pt"))
        return "the weights of " + other.name

    def _truncated(self, path, source, recomputed):
        name = self.dice.choice(self._names(path, recomputed))
        data = (path / name).read_bytes()
        left = self.dice.randrange(len(data)) if data else 0
        (path / name).write_bytes(data[:left])
        return "{} at {} of {} bytes".format(name, left, len(data))

    def _deleted(self, path, source, recomputed):
        name = self.dice.choice(self._names(path, recomputed))
        (path / name).unlink()
        return name


def _same(before, after):
    """True if two numbers of JSON have one value, as 1e-05 and 1e-5 would."""
    try:
        return json.loads(before) == json.loads(after)
    except ValueError:
        return False
