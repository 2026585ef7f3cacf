"""Figures of the rounds: the table for people, the file for machines."""

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.loader import Result
from tests.bench.site import Refused, Site
from tests.bench.workloads import Prepare, Work

OURS = ("connector", "connector+pg")


@dataclass(frozen=True)
class Row:
    """One workload on one server in one round; `cpu_ms` is the servers' per answer, `loader` the generator's share of a core."""

    rate: float
    p50: float
    p99: float
    cpu_ms: float
    answers: int
    errors: int
    wrong: int
    loader: float
    connects: int


def row(work: Work, result: Result, cpu: float) -> Row:
    """Reads the bodies, and asks the server again where only that shows the truth."""
    good = [one for one in result.replies if one.status in work.good]
    times = sorted(one.ms for one in result.replies) or [0.0]
    answers = len(result.replies)
    return Row(
        rate=len(good) / result.elapsed,
        p50=times[len(times) // 2],
        p99=times[min(len(times) - 1, int(len(times) * 0.99))],
        cpu_ms=1000 * cpu / max(1, answers),
        answers=answers,
        errors=answers - len(good),
        wrong=work.wrong(good),
        loader=result.cpu / result.elapsed,
        connects=result.connects,
    )


@dataclass(frozen=True)
class Measured:
    """All rounds of one workload on one server."""

    workload: str
    server: str
    rows: list[Row]
    skipped: str = ""

    def median(self, name: str) -> float:
        return statistics.median(getattr(one, name) for one in self.rows)

    def total(self, name: str) -> int:
        return sum(getattr(one, name) for one in self.rows)

    @property
    def right(self) -> bool:
        return bool(self.rows) and not self.total("errors") and not self.total("wrong")


def measure(site: Site, prepare: Prepare, into: Measured, *, requests: int, seconds: float) -> Measured:
    """One workload on one server, once more."""
    if into.skipped:
        return into
    try:
        work = prepare(site, requests)
    except Refused as reason:
        return Measured(into.workload, into.server, [], str(reason))
    before = site.server.cpu_seconds()
    result = site.send(work.requests, seconds)
    cpu = site.server.cpu_seconds() - before
    into.rows.append(row(work, result, cpu))
    return into


def best_peer(of_workload: list[Measured]) -> Measured | None:
    """The one that needs least CPU among those of other makers whose every answer was right."""
    peers = [one for one in of_workload if one.server not in OURS and one.right]
    return min(peers, key=lambda one: one.median("cpu_ms"), default=None)


def table(measured: list[Measured], names: list[str]) -> list[str]:
    """Lines for people.

    `x peer` is the best peer's CPU over this server's: 5.0 needs a fifth of it.
    A server with any wrong answer is not compared.
    """
    heads = ("req/s", "p50 ms", "p99 ms", "CPU ms", "+-%", "x peer", "errors", "wrong", "loader%")
    lines = [f"{'workload':13} {'server':13}" + "".join(f"{head:>9}" for head in heads)]
    for name in names:
        of_workload = [one for one in measured if one.workload == name]
        best = best_peer(of_workload)
        lines += [_line(one, best) for one in of_workload]
    return lines


def _line(one: Measured, best: Measured | None) -> str:
    start = f"{one.workload:13} {one.server:13}"
    if not one.rows:
        return f"{start}  left out: {one.skipped}"
    cpu = one.median("cpu_ms")
    costs = [row.cpu_ms for row in one.rows]
    spread = 50 * (max(costs) - min(costs)) / cpu if cpu else 0.0
    ratio = f"{best.median('cpu_ms') / cpu:9.1f}" if best is not None and cpu and one.right else f"{'-':>9}"
    return (
        f"{start}{one.median('rate'):9.1f}{one.median('p50'):9.2f}{one.median('p99'):9.1f}{cpu:9.3f}{spread:9.0f}{ratio}"
        f"{one.total('errors'):9}{one.total('wrong'):9}{100 * one.median('loader'):9.0f}"
    )


@dataclass(frozen=True)
class Memory:
    """PSS in MiB of everything that works for the server: started, with the users loaded, after the rounds."""

    fresh: float
    loaded: float
    after: float


def memory_lines(sites: list[Site], memory: dict[str, Memory]) -> list[str]:
    return [
        f"{site.server.name:13} {site.server.about:28} loaded {site.load_rate:.0f}/s; memory {memory[site.server.name].fresh:.0f} MiB"
        f" fresh, {memory[site.server.name].loaded:.0f} loaded, {memory[site.server.name].after:.0f} after the rounds"
        for site in sites
    ]


def write(file: Path, options: dict[str, Any], measured: list[Measured], memory: dict[str, Memory]) -> None:
    """Everything, each round by itself, and where it was measured."""
    packages = ("agent-idp-connector", "granian", "flask", "scim2-server", "scim2-models")
    found = {
        "options": options,
        "machine": {
            "python": platform.python_version(),
            "kernel": platform.release(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "versions": {name: version(name) for name in packages},
        },
        "memory_mib": {name: asdict(one) for name, one in memory.items()},
        "workloads": [
            {
                "workload": one.workload,
                "server": one.server,
                "skipped": one.skipped,
                "median": {name: one.median(name) for name in asdict(one.rows[0])} if one.rows else None,
                "rounds": [asdict(each) for each in one.rows],
            }
            for one in measured
        ],
    }
    file.write_text(json.dumps(found, indent=2) + "\n")
