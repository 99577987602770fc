"""Takes out of text what names a person or a machine, so that it can be shown to strangers.

Home folders become `~`, names of users and of this host become `<user>` and `<host>`; of a UUID
the first eight characters stay, which tell two GPUs of one machine apart and no more.
"""

import os
import pwd
import re
import socket
from typing import Any, Callable, List, Match, Optional, Pattern, Tuple, Union

SHORT = 4  # letters; a shorter name is part of too many words to be taken out of them
# Names that boards and images come with. They name nobody, and the text itself needs them.
ANYBODYS = {
    "admin",
    "cpu",
    "cuda",
    "debian",
    "edgejoule",
    "gpu",
    "jetson",
    "linux",
    "localhost",
    "nano",
    "nvidia",
    "orin",
    "pi",
    "python",
    "root",
    "tegra",
    "torch",
    "ubuntu",
    "user",
    "xavier",
}
UUID_KEPT = 8
Rule = Tuple[str, Union[str, Callable[[Match], str]]]  # what is found, what takes its place


def _shortened(match: Match) -> str:
    return match.group(0)[:UUID_KEPT] + "..."


RULES: Tuple[Rule, ...] = (
    (r"(?:/[\w.-]+)*/(?:home|Users)/[^/\s:;,'\"]+", "~"),
    (r"/media/[^/\s:;,'\"]+", "/media/<user>"),
    (r"(?i)\b((?:[a-z]{3}-)*[0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", _shortened),
    (r"(?i)\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "<address>"),
    (r"\btcp:[^:\s]+", "tcp:<host>"),  # a bench meter's
)


def cleaner() -> Callable[[Any], Any]:
    """A function that takes the names out of a text, or out of every text of a JSON value."""
    rules = _rules()

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            for pattern, put in rules:
                value = pattern.sub(put, value)
            return value
        if isinstance(value, dict):
            return {key: clean(each) for key, each in value.items()}
        return [clean(each) for each in value] if isinstance(value, (list, tuple)) else value

    return clean


def users() -> List[str]:
    """Login names of whoever runs this, also of one who became root with sudo."""
    names = [os.environ.get(key) for key in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")]
    entry = _entry()
    return _worth(names + [entry.pw_name if entry else None])


def hosts() -> List[str]:
    """What this machine is called, with and without its domain."""
    names = [socket.gethostname(), os.uname().nodename, os.environ.get("HOSTNAME")]
    return _worth(names + [name.split(".")[0] for name in names if name])


def homes() -> List[str]:
    """Home folders of whoever runs this, as written and where links lead."""
    entry = _entry()
    folders = [os.environ.get("HOME"), entry.pw_dir if entry else None]
    found = {path for each in folders if each for path in (each, os.path.realpath(each))}
    return sorted((path.rstrip("/") for path in found if path.strip("/")), key=len, reverse=True)


def _entry() -> Optional[pwd.struct_passwd]:
    """This user's line in the table of users; a container may have none."""
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _worth(names: List[Optional[str]]) -> List[str]:
    """Names that can tell somebody something, the longest first: it may hold a shorter one."""
    found = {name.lower() for name in names if name}
    return sorted(found - ANYBODYS, key=len, reverse=True)


def _rules() -> List[Tuple[Pattern, Union[str, Callable[[Match], str]]]]:
    rules: List[Rule] = [(re.escape(path) + r"(?![\w.-])", "~") for path in homes()]
    rules += RULES
    # Hosts before users: a machine is often called after its owner.
    for put, names in (("<host>", hosts()), ("<user>", users())):
        rules += [(_name(name), put) for name in names]
    return [(re.compile(text), put) for text, put in rules]


def _name(name: str) -> str:
    edge = ("(?<![a-z0-9])", "(?![a-z0-9])") if len(name) < SHORT else ("", "")
    return "(?i)" + edge[0] + re.escape(name) + edge[1]
