"""`python -m tests.bench.large`: the connector with many users: how long they take to load, what it needs, how soon it starts again."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import servers
from tests.bench.loader import Loader
from tests.bench.report import Measured, measure, table
from tests.bench.site import Site
from tests.bench.workloads import workloads

_PORTION = 50_000  # requests and answers of one portion are held in memory
_WORKLOADS = ("get", "filter_name", "filter_email", "list_deep", "create", "patch", "add_to_1000")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.large", description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.5, help="no request of a workload begins later")
    parser.add_argument("--requests", type=int, default=1000, help="at most, of a workload in a round")
    parser.add_argument("--folder", type=Path, help="where the database is; some 4 KB a user")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder, Loader() as loader:
        process, token = servers.serve(Path(folder) / "connector", {})
        try:
            site = Site(servers.on_sqlite(process, token), loader)
            _measure(site, Path(folder), options)
            process.stop()
            begun = time.perf_counter()
            process.start()
            Site(servers.on_sqlite(process, token), loader).read(f"/Users/{site.users[0].id}")
            print(f"started again, and answered, after {time.perf_counter() - begun:.1f} s")
        finally:
            process.stop()


def _measure(site: Site, folder: Path, options: argparse.Namespace) -> None:
    print(f"fresh: {site.server.pss_mib():.0f} MiB", flush=True)
    site.share = 200
    begun = time.perf_counter()
    while len(site.users) < options.users:
        site.users += site.create(min(_PORTION, options.users - len(site.users)))
        _say(f"{len(site.users)} users after {time.perf_counter() - begun:.0f} s")
    seconds = time.perf_counter() - begun
    size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    rate = f"{len(site.users) / seconds:.0f}/s, the generator's own preparations included"
    print(f"{len(site.users)} users by Bulk of 100 in {seconds:.0f} s ({rate})")
    print(
        f"loaded: {site.server.pss_mib():.0f} MiB; {size / len(site.users) / 1024:.1f} KB a user on the disk",
        flush=True,
    )
    site.spares = site.create(200 * options.rounds)
    found = [Measured(name, site.server.name, []) for name in _WORKLOADS]
    prepared = workloads([1000])
    for number in range(options.rounds):
        for one in found:
            _say(f"round {number + 1} of {options.rounds}: {one.workload}")
            measure(site, prepared[one.workload], one, requests=options.requests, seconds=options.seconds)
    print("\n".join(table(found, list(_WORKLOADS))))
    print(f"after the rounds: {site.server.pss_mib():.0f} MiB", flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
