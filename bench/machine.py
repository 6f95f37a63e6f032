"""What the figures were taken on, and what a process needed at most."""

from __future__ import annotations

import os
import platform
import resource
from importlib.metadata import version
from pathlib import Path


def machine() -> str:
    """Say cores, Python, the libraries that matter, and how busy the machine is already."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("dagster", "pandas", "numpy"))
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()} {platform.release()}), "
        f"Python {platform.python_version()}, {libraries}; load {load} when it began"
    )


def peak_megabytes() -> float:
    """Give this process's largest resident set. [MB].

    Linux lets a process inherit the peak of the one that started it (`ru_maxrss`), which would blame a small run for a
    large parent; the kernel's own mark of the address space does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
