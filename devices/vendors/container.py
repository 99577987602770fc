"""Whether this runs in a container, and what would let a container see a sensor of its host."""

import os
import re

from edgejoule.devices.vendors import sysfs

SIGNS = (".dockerenv", "run/.containerenv")  # of Docker; of Podman and CRI-O
# Docker masks parts of /sys where it mounts it, but not where one mounts it oneself.
HOST_SYSFS = "-v /sys:/host/sys:ro and ask with --sysfs /host/sys"
GROUPS = re.compile("docker|containerd|kubepods|libpod|lxc")  # in the first process's cgroup


def inside(root: str = "/") -> bool:
    """True if the system whose files lie under `root` is a container."""
    if any(os.path.exists(os.path.join(root, sign)) for sign in SIGNS):
        return True
    return bool(GROUPS.search(sysfs.text(os.path.join(root, "proc/1/cgroup")) or ""))


def hint(way_in: str, root: str = "/") -> str:
    """The end of a reason: what to start the container with; "" outside of one."""
    return "; this is a container: start it with {}".format(way_in) if inside(root) else ""
