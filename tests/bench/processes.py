"""What a tree of processes has used: CPU and memory, read from the kernel."""

import os
import time
from collections.abc import Iterable
from pathlib import Path


def tree(roots: Iterable[int]) -> list[int]:
    """The processes and all their descendants that live now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the trees, of threads that ended too.

    By each process's CPU clock, which counts nanoseconds: /proc/PID/stat has the same sum in ticks of 10 ms, too coarse for
    requests of a tenth of one. Reading the clock of a process costs the process nothing.
    """
    total = 0.0
    for pid in tree(roots):
        try:
            total += time.clock_gettime(_cpu_clock(pid))
        except OSError:  # it ended meanwhile
            continue
    return total


def _cpu_clock(pid: int) -> int:
    """clock_getcpuclockid(3), which Python has for threads only: the complement of the pid, and 2 for the scheduler's count."""
    return (~pid << 3) | 2


def pss_mib(roots: Iterable[int]) -> dict[int, float]:
    """Proportional set size of each process: shared pages are divided among those who share them, so the sum is true."""
    found = {}
    for pid in tree(roots):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it ended meanwhile, or is another user's
            continue
        found[pid] = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return found
