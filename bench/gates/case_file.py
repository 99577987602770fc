"""A single case as a suite file, for a fresh process or an older commit to run. Free of torch.

Only what differs from the defaults is written, so a commit that does not know a newer setting
still reads it. Paths become absolute: the process runs in its own tree.
"""

import json
import os
from typing import Any

from edgejoule import plugins
from edgejoule.bench import settings, suite

NAMES = (
    "name",
    "recipe",
    "criterion",
    "saliency",
    "regularizer",
    "label",
)  # written whatever the defaults are
PATHS = (("dataset", "root"), ("measure", "fake_power"))


def text(case: suite.Case, name: str, question: str) -> str:
    """The TOML of a suite that holds this case alone."""
    lines = ["question = " + _value(question), "name = " + _value(name)]
    lines += ["{} = {}".format(key, _value(value)) for key, value in plugins.used().items()]
    for section, table in case._asdict().items():
        known = dict(
            settings.differing(section, table),
            **{key: table[key] for key in NAMES if table.get(key)},
        )
        if section == "dataset":  # even at its default: that is relative to the folder of now
            known["root"] = table.get("root", "data")
        lines.append("[{}]".format(section))
        lines += [
            "{} = {}".format(key, _value(_absolute(section, key, value)))
            for key, value in known.items()
            if value is not None
        ]
    return "\n".join(lines) + "\n"


def _absolute(section: str, key: str, value: Any) -> Any:
    """A path from the folder of the process that asks; a fake power of watts is no path."""
    if (section, key) not in PATHS or not value:
        return value
    if key == "fake_power" and not os.path.exists(value):
        return value
    return os.path.abspath(os.path.expanduser(value))


def _value(value: Any) -> str:
    """Numbers, strings, booleans and lists of them are written alike in JSON and TOML."""
    return json.dumps(value, ensure_ascii=True)
