"""`make bench`: every server under the same workloads in turn; a table, to be judged by CPU per request."""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bench import peers, servers
from tests.bench.loader import Loader
from tests.bench.report import Measured, Memory, measure, memory_lines, table, write
from tests.bench.servers import LeftOut, Server
from tests.bench.sign_ons import sign_ons
from tests.bench.site import Site
from tests.bench.workloads import workloads

_SERVERS: dict[str, Callable[[Path], Server]] = {
    "connector": servers.connector,
    "connector+pg": servers.connector_on_postgresql,
    "scim2-server": peers.scim2_server,
    "scimmy": peers.scimmy,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests.bench",
        description=__doc__,
        epilog="The real thing: --users 10000 --groups 1000,10000 --rounds 5 --seconds 3 --postgresql --json bench.json",
    )
    parser.add_argument("--users", type=int, default=1000, help="loaded into every server before the rounds")
    parser.add_argument("--added", type=int, default=200, help="users that a round adds to each group; loaded besides")
    parser.add_argument("--groups", type=_numbers, default=[1000], help="sizes of the groups, such as 1000,10000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--requests", type=int, default=1000, help="at most, of a workload in a round; heavy ones fewer"
    )
    parser.add_argument("--seconds", type=float, default=0.7, help="no request of a workload begins later")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--only", type=_words, help=f"servers, of {','.join(_SERVERS)}")
    parser.add_argument("--workloads", type=_words, help="such as get,create")
    parser.add_argument("--postgresql", action="store_true", help="the connector on PostgreSQL too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    parser.add_argument("--hold", action="store_true", help="leave the servers running at the end, until Ctrl-C")
    options = parser.parse_args()
    if unknown := set(options.only or []) - set(_SERVERS):
        parser.error(f"--only: no server {', '.join(sorted(unknown))}; there are {', '.join(_SERVERS)}")
    options.groups = sorted(size for size in options.groups if size <= options.users)
    names = [*workloads(options.groups), *sign_ons()]
    if unknown := set(options.workloads or []) - set(names):
        parser.error(f"--workloads: no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    options.workloads = [name for name in names if name in (options.workloads or names)]
    return options


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",") if one]


def _start(options: argparse.Namespace, folder: Path, stack: ExitStack) -> list[Server]:
    usual = [name for name in _SERVERS if name != "connector+pg" or options.postgresql]
    started = []
    for name in options.only or usual:
        try:
            server = _SERVERS[name](folder / name)
        except LeftOut as reason:
            print(f"left out: {reason}", file=sys.stderr, flush=True)
            continue
        stack.callback(server.stop)
        started.append(server)
    return started


def _rounds(sites: list[Site], options: argparse.Namespace) -> list[Measured]:
    prepared = {**workloads(options.groups), **sign_ons()}
    found = {(name, s.server.name): Measured(name, s.server.name, []) for name in options.workloads for s in sites}
    for number in range(options.rounds):
        turn = number % len(sites)  # nobody is always first
        for name in options.workloads:
            print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
            for site in sites[turn:] + sites[:turn]:
                key = (name, site.server.name)
                found[key] = measure(
                    site, prepared[name], found[key], requests=options.requests, seconds=options.seconds
                )
        for site in sites:
            site.clear()
    return list(found.values())


def main() -> None:
    options = _options()
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)
        loader = stack.enter_context(Loader())
        started = _start(options, folder, stack)
        fresh = {server.name: server.pss_mib() for server in started}
        sites = [Site(server, loader, options.connections) for server in started]
        for site in sites:
            site.load(options.users, share=options.added, rounds=options.rounds)
        loaded = {server.name: server.pss_mib() for server in started}
        measured = _rounds(sites, options)
        memory = {s.name: Memory(fresh[s.name], loaded[s.name], s.pss_mib()) for s in started}
        print("\n".join([*table(measured, options.workloads), "", *memory_lines(sites, memory)]))
        load = " ".join(f"{one:.1f}" for one in os.getloadavg())
        print(
            f"{options.users} users, {options.rounds} rounds, {time.monotonic() - begun:.0f} s in all; machine load {load}"
        )
        if options.json:
            write(options.json, {**vars(options), "json": str(options.json)}, measured, memory)
        if options.hold:
            _hold(started)


def _hold(started: list[Server]) -> None:
    """For another generator, or a profiler: the same servers with the same users."""
    for server in started:
        roots = "+".join(str(pid) for pid in server.roots)
        print(f"name={server.name},url={server.url},token={server.token},pid={roots}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("stopping", file=sys.stderr)


if __name__ == "__main__":
    main()
