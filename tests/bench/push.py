"""`python -m tests.bench.push`: how fast accounts reach a target, each figure beside what the target itself can do in the same run.

In: how many. Out: a line a workload. Judge by the ratios, and only where the machine's load (last line) is low.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import requests

from connector.domain import agents, targets
from connector.domain.unit import SYSTEM, Caller
from connector.parts import Parts, assemble
from connector.settings import Settings
from tests.acceptance.road import Connector, wait_for
from tests.acceptance.test_troubled_targets import Idp
from tests.servers.postgres import PostgresServer
from tests.servers.scim2_server import Scim2Server
from tests.servers.slapd import BASE_DN, Slapd
from tests.unit.targets.small_server import Reply, Request, serve

_BY = Caller("operator", "operator:bench", "bench")
_ANSWERS_AFTER = 0.02


def _parts(folder: Path, url: str = "") -> Parts:
    folder.mkdir(parents=True, exist_ok=True)
    given = {"database_url": url} if url else {}
    parts = assemble(Settings(data_dir=folder, reconcile_hours=0, follow_seconds=0, **given))
    parts.domain.database.upgrade()
    return parts


def _register(parts: Parts, names: list[str]) -> None:
    with parts.domain.change(SYSTEM) as unit:
        for name in names:
            agents.register(unit, {"agentUserName": name, "displayName": name}, None)


def _add(parts: Parts, kind: str, mapping: str, options: dict[str, str]) -> None:
    with parts.domain.change(SYSTEM) as unit:
        targets.add(unit, "bench", kind, mapping, options)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _push_seconds(parts: Parts) -> float:
    def drain() -> None:
        assert parts.worker().drain(seconds=3600), "not done within an hour"

    return _seconds(drain)


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


def ldap(folder: Path, count: int, stack: ExitStack) -> None:
    """Entries of the same shape by ldapadd over one connection, then as pushes of one process."""
    slapd = Slapd.start(folder / "slapd")
    stack.callback(slapd.stop)
    ldif = "\n".join(
        f"dn: uid=plain-{n},ou=agents,{BASE_DN}\nobjectClass: inetOrgPerson\nobjectClass: aiAgent\nuid: plain-{n}\n"
        f"cn: plain\nsn: (agent)\nagentId: plain-{n}\ndisplayName: plain\nemployeeType: agent\nmail: p{n}@agents.invalid\n"
        for n in range(count)
    )
    command = ["ldapadd", "-x", "-H", slapd.plain_url, "-D", slapd.bind_dn, "-w", slapd.bind_password, "-Z"]
    trust = {**os.environ, "LDAPTLS_CACERT": str(slapd.ca_file), "LDAPTLS_REQCERT": "allow"}
    given = {"input": ldif, "text": True, "check": True, "stdout": subprocess.DEVNULL, "env": trust}
    own = _seconds(lambda: subprocess.run(command, **given))  # type: ignore[call-overload]
    parts = _parts(folder / "ldap")
    _add(parts, "ldap", "openldap", _ldap_options(slapd))
    _register(parts, [f"bench-{n}" for n in range(count)])
    ours = _push_seconds(parts)
    _line("slapd", f"{count / ours:.0f} pushes/s, ldapadd {count / own:.0f}/s, ratio {own / ours:.2f}")


def scim(folder: Path, count: int, stack: ExitStack) -> None:
    """The same number of creations by one plain client, then as pushes."""
    server = Scim2Server.start(folder / "scim2")
    stack.callback(server.stop)
    os.environ["BENCH_TOKEN"] = server.token
    session = requests.Session()
    session.trust_env, session.headers = False, {**session.headers, **server.headers}  # type: ignore[assignment]

    def create() -> None:
        for n in range(count):
            body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"plain-{n}"}
            session.post(f"{server.url}/Users", json=body, timeout=30).raise_for_status()

    own = _seconds(create)
    parts = _parts(folder / "scim")
    _add(parts, "scim", "scim", {"url": server.url, "token": "env:BENCH_TOKEN"})
    _register(parts, [f"bench-{n}" for n in range(count)])
    ours = _push_seconds(parts)
    _line("scim2-server", f"{count / ours:.0f} pushes/s, plain creates {count / own:.0f}/s, ratio {own / ours:.2f}")


def unchanged(folder: Path, count: int, _stack: ExitStack) -> None:
    """A whole look at accounts that are all as they should be."""
    parts = _parts(folder / "memory")
    _add(parts, "memory", "memory", {})
    for start in range(0, count, 1000):
        _register(parts, [f"bench-{n}" for n in range(start, min(count, start + 1000))])
    loading = _push_seconds(parts)
    found: list[int] = []

    def look() -> None:
        stored, _ = parts.reconciler.plan("bench", _BY, lambda _what, _count: None)
        found.append(parts.reconciler.apply(stored.id, _BY, lambda _what, _count: None).writes)

    took = _seconds(look)
    _line("no change", f"{count} accounts in {took:.1f} s, {found[0]} writes (pushed before in {loading:.0f} s)")


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
    """One worker process, then two, on PostgreSQL, at a target that answers after 20 ms."""
    postgres = PostgresServer.start(durable=True)
    stack.callback(postgres.stop)
    rates = []
    for processes in (1, 2):
        idp, place = _Slow(), folder / f"workers-{processes}"
        place.mkdir()
        url = postgres.create_database(f"bench_{processes}")
        server = stack.enter_context(serve(idp.routes()))
        road = Connector(place, database_url=url, secrets={"IDP_TOKEN": "bench"}, with_worker=False)
        road.start()
        given = ("--option", f"url={server.url}", "--option", "token=env:IDP_TOKEN")
        road.run("target", "add", "bench", "--mapping", "scim", "--no-check", *given)
        _register(_parts(place / "var", url), [f"bench-{n}" for n in range(count)])
        running = [road.worker(f"worker-{number}") for number in range(processes)]
        for one in running:
            one.start()
            stack.callback(one.stop)
        tenth = count // 10
        wait_for(lambda idp=idp, least=tenth: len(idp.users) >= least, seconds=600)  # all have started by then
        begun, before = time.perf_counter(), len(idp.users)
        wait_for(lambda idp=idp: len(idp.users) >= count, seconds=3600)
        rates.append((count - before) / (time.perf_counter() - begun))
        for one in running:
            one.stop()
        road.stop()
    _line("workers", f"one {rates[0]:.0f} pushes/s, two {rates[1]:.0f}/s, ratio {rates[1] / rates[0]:.2f}")


_WORKLOADS = {"ldap": ldap, "scim": scim, "unchanged": unchanged, "idle": idle, "workers": workers}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.push", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="pushes of a workload")
    parser.add_argument(
        "--accounts", type=int, default=5000, help="of the look that finds nothing to do; really 100000"
    )
    parser.add_argument("--only", choices=sorted(_WORKLOADS), action="append")
    options = parser.parse_args()
    counts = {"unchanged": options.accounts, "idle": max(5, options.count // 25)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-push-")))
        folder.chmod(0o755)
        for name in options.only or _WORKLOADS:
            _WORKLOADS[name](folder, counts.get(name, options.count), stack)
    print("machine load " + " ".join(f"{one:.1f}" for one in os.getloadavg()))


if __name__ == "__main__":
    main()
