"""What the token service costs by itself, without HTTP: `python -m tests.bench.tokens`. CPU time of one thread, so that others on the
machine disturb little. Prints microseconds for one call, and calls a second."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from connector.core.jose import Signer
from connector.domain import agents, clients, credentials, people
from connector.domain.exchange import Wish
from connector.domain.proofs import Proofs, Shown
from connector.domain.schema import GOVERNANCE
from connector.domain.tokens import TYPE, Tokens
from connector.domain.unit import SYSTEM
from connector.parts import assemble
from connector.settings import Settings


def measured(name: str, call: Callable[[], object], *, rounds: int) -> None:
    """The best of five runs: what is above it was somebody else."""
    call()
    best = float("inf")
    for _ in range(5):
        before = time.process_time()
        for _ in range(rounds):
            call()
        best = min(best, (time.process_time() - before) / rounds)
    print(f"{name:52} {best * 1e6:8.1f} us  {1 / best:8.0f} /s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        parts = assemble(Settings(data_dir=Path(folder), base_url="https://connector.example"))
        domain = parts.domain
        domain.database.upgrade()
        signer = Signer(domain.keys)
        tokens = Tokens(domain, signer, issuer="https://connector.example", proofs=Proofs(domain, nonces=True))
        with domain.change(SYSTEM) as unit:
            hr = clients.caller_of(unit, clients.create(unit, "hr", frozenset({"scim"})).id)
            ada = people.add(unit, {"userName": "ada", "active": True}, None)
            bot = agents.register(unit, {"agentUserName": "bot", "owners": [{"value": ada.id}], GOVERNANCE: {}}, None)
            agent = clients.caller_of(unit, bot.id)
            secret = credentials.issue(unit, "agent", bot.id, "client_secret").secret
            assert hr is not None and agent is not None
            own, theirs = tokens.issue(unit, agent, Wish()).text, tokens.issue(unit, hr, Wish()).text
        claims = {"iss": "https://connector.example", "sub": bot.id, "exp": 1, "jti": "tok-1", "scope": "sign-on"}
        shown = Shown("GET", "https://connector.example/scim/v2/Users")
        measured("ES256 token signed", lambda: signer.sign(claims, type=TYPE), rounds=500)
        with domain.change(SYSTEM) as unit:
            measured(
                "token issued to an agent, with event, no commit", lambda: tokens.issue(unit, agent, Wish()), rounds=300
            )
            measured("client secret checked", lambda: credentials.with_secret(unit, bot.id, secret), rounds=300)
        measured("introspection of an agent's token", lambda: tokens.introspect(own), rounds=500)
        measured("introspection of a client's token", lambda: tokens.introspect(theirs), rounds=500)
        measured(
            "token check of a SCIM call, cached", lambda: tokens.caller(f"Bearer {theirs}", lambda: shown), rounds=2000
        )
        measured("token check of an agent's call", lambda: tokens.caller(f"Bearer {own}", lambda: shown), rounds=500)
        domain.database.close()


if __name__ == "__main__":
    main()
