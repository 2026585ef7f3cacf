"""`python -m tests.bench.push`: how fast accounts reach a target, each figure beside what the target itself can do in the same run.

In: how many. Out: a line a workload. Judge by the ratios and by CPU ms, and only where the machine's load (last line) is low.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import requests

from connector.core.logs import configure
from connector.domain.unit import Caller
from connector.parts import Parts
from tests.acceptance.road import Connector
from tests.acceptance.test_troubled_targets import Idp
from tests.bench.pushing import add_target, make_unchanged, open_parts, push_all, register
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerError
from tests.servers.scim2_server import Scim2Server
from tests.servers.slapd import BASE_DN, Slapd
from tests.unit.targets.small_server import Reply, Request, serve

_BY = Caller("operator", "operator:bench", "bench")
_ANSWERS_AFTER = 0.02
_CONNECTIONS = 8
_ROUNDS = 3


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _line(what: str, text: str) -> None:
    print(f"{what:12} {text}", flush=True)


def _ldap_options(slapd: Slapd) -> dict[str, str]:
    os.environ["BENCH_LDAP"] = slapd.bind_password
    return {
        "url": slapd.url,
        "ca_file": str(slapd.ca_file),
        "bind_dn": slapd.bind_dn,
        "password": "env:BENCH_LDAP",
        "accounts_base": f"ou=agents,{BASE_DN}",
        "groups_base": f"ou=groups,{BASE_DN}",
        "people_base": f"ou=people,{BASE_DN}",
        "placeholder": f"cn=nobody,{BASE_DN}",
    }


def _pushes(parts: Parts, names: list[str], *, processes: int) -> tuple[float, float]:
    """Pushes a second, and CPU ms a push of the processes that push."""
    register(parts, names)
    seconds, cpu = push_all(parts.settings, processes=processes)
    return len(names) / seconds, 1000 * cpu / len(names)


def _ldapadd(slapd: Slapd, names: list[str]) -> float:
    """Entries of the same shape as ours, over several connections at once; entries a second."""
    command = ["ldapadd", "-x", "-H", slapd.plain_url, "-D", slapd.bind_dn, "-w", slapd.bind_password, "-Z"]
    trust = {**os.environ, "LDAPTLS_CACERT": str(slapd.ca_file), "LDAPTLS_REQCERT": "allow"}

    def add(some: list[str]) -> None:
        ldif = "\n".join(
            f"dn: uid={one},ou=agents,{BASE_DN}\nobjectClass: inetOrgPerson\nobjectClass: aiAgent\nuid: {one}\n"
            f"cn: {one}\nsn: (agent)\nagentId: {one}\ndisplayName: {one}\nemployeeType: agent\nmail: {one}@agents.invalid\n"
            for one in some
        )
        subprocess.run(command, input=ldif, text=True, check=True, stdout=subprocess.DEVNULL, env=trust)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        parts = [names[at::_CONNECTIONS] for at in range(_CONNECTIONS)]
        return len(names) / _seconds(lambda: list(pool.map(add, parts)))


def ldap(folder: Path, count: int, stack: ExitStack) -> None:
    """ldapadd, pushes of one process, and of two, in turn."""
    slapd = Slapd.start(folder / "slapd", durable=True)
    stack.callback(slapd.stop)
    parts = open_parts(folder / "ldap")
    add_target(parts, "ldap", "openldap", _ldap_options(slapd), threads=_CONNECTIONS)
    rounds = []
    for turn in range(_ROUNDS):
        own = _ldapadd(slapd, [f"plain-{turn}-{n}" for n in range(count)])
        one, cpu = _pushes(parts, [f"one-{turn}-{n}" for n in range(count)], processes=1)
        two, cpu_two = _pushes(parts, [f"two-{turn}-{n}" for n in range(count)], processes=2)
        rounds.append((own, one, cpu, one / own, two, cpu_two, two / own))
    own, one, cpu, share, two, cpu_two, share_two = map(statistics.median, zip(*rounds, strict=True))
    _line("slapd", f"ldapadd over {_CONNECTIONS} connections {own:.0f}/s")
    _line("", f"one process {one:.0f} pushes/s, ratio {share:.2f}, {cpu:.2f} CPU ms a push")
    _line("", f"two processes {two:.0f} pushes/s, ratio {share_two:.2f}, {cpu_two:.2f} CPU ms a push")


def _scim_creates(server: Scim2Server, names: list[str]) -> float:
    def create(some: list[str]) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(server.headers)
            for one in some:
                body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": one, "externalId": one}
                answer = session.post(f"{server.url}/Users", json=body | {"displayName": one}, timeout=60)
                answer.raise_for_status()

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        parts = [names[at::_CONNECTIONS] for at in range(_CONNECTIONS)]
        return len(names) / _seconds(lambda: list(pool.map(create, parts)))


def scim(folder: Path, count: int, stack: ExitStack) -> None:
    """The same number of creations by a plain client over several connections, and as pushes of one process, in turn."""
    server = Scim2Server.start(folder / "scim2")
    stack.callback(server.stop)
    os.environ["BENCH_TOKEN"] = server.token
    parts = open_parts(folder / "scim")
    add_target(parts, "scim", "scim", {"url": server.url, "token": "env:BENCH_TOKEN"}, threads=_CONNECTIONS)
    rounds = []
    for turn in range(_ROUNDS):
        own = _scim_creates(server, [f"plain-{turn}-{n}" for n in range(count)])
        ours, cpu = _pushes(parts, [f"bench-{turn}-{n}" for n in range(count)], processes=1)
        rounds.append((own, ours, cpu, ours / own))
    own, ours, cpu, share = map(statistics.median, zip(*rounds, strict=True))
    _line("scim2-server", f"plain creates over {_CONNECTIONS} connections {own:.0f}/s")
    _line("", f"one process {ours:.0f} pushes/s, ratio {share:.2f}, {cpu:.2f} CPU ms a push")


def unchanged(folder: Path, count: int, _stack: ExitStack) -> None:
    """A whole look at accounts that are all as they should be."""
    parts = open_parts(folder / "memory")
    add_target(parts, "memory", "memory", {})
    loading = _seconds(lambda: make_unchanged(parts, count))
    found: list[int] = []

    def look() -> None:
        stored, _ = parts.reconciler.plan("bench", _BY, lambda _what, _count: None)
        found.append(parts.reconciler.apply(stored.id, _BY, lambda _what, _count: None).writes)

    before = time.process_time()
    took = _seconds(look)
    cpu = time.process_time() - before
    _line(
        "no change", f"{count} accounts in {took:.1f} s, CPU {cpu:.1f} s, {found[0]} writes (made in {loading:.0f} s)"
    )


def idle(folder: Path, count: int, stack: ExitStack) -> None:
    """From the answer of our SCIM service to the account in the directory."""
    slapd = Slapd.start(folder / "slapd-idle")
    stack.callback(slapd.stop)
    (folder / "idle").mkdir()
    options = _ldap_options(slapd)
    road = Connector(folder / "idle", secrets={"BENCH_LDAP": slapd.bind_password})
    road.start()
    stack.callback(road.stop)
    given = [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
    road.run("target", "add", "bench", "--mapping", "openldap", *given)
    owner, waits = road.add_person("owner"), []
    for n in range(count):
        road.add_agent(f"idle-{n}", owner)
        begun = time.perf_counter()
        while slapd.entry(f"uid=idle-{n},ou=agents,{BASE_DN}") is None:
            time.sleep(0.002)
        waits.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.5)
    _line("idle", f"from SCIM answer to account in slapd p50 {statistics.median(waits):.0f} ms of {count}")


class _Slow(Idp):
    """Answers each request after the same time."""

    def routes(self) -> dict[str, object]:
        plain, lock = super().routes(), threading.Lock()

        def later(answer: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
            def slow(request: Request) -> Reply:
                time.sleep(_ANSWERS_AFTER)
                with lock:
                    return answer(request)

            return slow

        self._routes |= {"GET /Users": later(self._search), "POST /Users": later(self._create)}
        return {**plain, **self._routes}


def workers(folder: Path, count: int, stack: ExitStack) -> None:
    """One worker process, then two, on PostgreSQL, at a target that answers after 20 ms: it is not what limits them."""
    postgres = PostgresServer.start(durable=True)
    stack.callback(postgres.stop)
    os.environ["BENCH_TOKEN"] = "bench"
    rates = {}
    for processes in (1, 2):
        idp = _Slow()
        server = stack.enter_context(serve(idp.routes()))
        parts = open_parts(folder / f"workers-{processes}", postgres.create_database(f"bench_{processes}"))
        add_target(parts, "scim", "scim", {"url": server.url, "token": "env:BENCH_TOKEN"})
        rates[processes] = _pushes(parts, [f"bench-{n}" for n in range(count)], processes=processes)
        assert len({one["userName"] for one in idp.users}) == len(idp.users) == count, "an account is missing or double"
        parts.domain.database.close()
    (one, cpu), (two, cpu_two) = rates[1], rates[2]
    _line("workers", f"PostgreSQL: one {one:.0f} pushes/s, {cpu:.2f} CPU ms a push")
    _line("", f"two {two:.0f} pushes/s, ratio {two / one:.2f}, {cpu_two:.2f} CPU ms a push")


_WORKLOADS = {"ldap": ldap, "scim": scim, "unchanged": unchanged, "idle": idle, "workers": workers}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.push", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="pushes of a round of a workload")
    parser.add_argument(
        "--accounts", type=int, default=10_000, help="of the look that finds nothing to do; really 100000"
    )
    parser.add_argument("--only", choices=sorted(_WORKLOADS), action="append")
    options = parser.parse_args()
    configure("warning")
    counts = {"unchanged": options.accounts, "idle": max(5, options.count // 25)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-push-")))
        folder.chmod(0o755)
        for name in options.only or _WORKLOADS:
            try:
                _WORKLOADS[name](folder, counts.get(name, options.count), stack)
            except ServerError as missing:
                _line(name, f"left out: {missing}")
    print("machine load " + " ".join(f"{one:.1f}" for one in os.getloadavg()))


if __name__ == "__main__":
    main()
