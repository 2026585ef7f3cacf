"""What SAML costs, beside the bare RSA signature in the same run: `python -m tests.bench.saml`. CPU time of one thread, the best of
five runs. Prints microseconds for one call, calls a second, and the share of the rate of bare signatures."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connector.domain.unit import Caller
from connector.edges.saml import signature, xml
from connector.edges.saml.blueprint import identity_provider
from connector.edges.saml.idp import application
from connector.edges.saml.issue import Asserted, Order, decided, enclosed, signed, written
from connector.edges.saml.names import CONTEXT_UNSPECIFIED
from connector.edges.saml.unsolicited import consumer
from connector.mapping.load import shipped_folder
from tests.saml_world import IDP, make_world
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import BASE, App


def best_of_five(call: Callable[[], object], *, rounds: int) -> float:
    """Seconds of CPU for one call: what is above the best was somebody else."""
    call()
    best = float("inf")
    for _ in range(5):
        before = time.process_time()
        for _ in range(rounds):
            call()
        best = min(best, (time.process_time() - before) / rounds)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder), base_url=BASE)
        app = App(self_signed_rsa("app"))
        world.register("App", app.metadata)
        idp = identity_provider(world.domain, base_url=BASE, entity_id=IDP, mapping_folders=[shipped_folder()])
        caller = Caller("agent", world.agent("bot"), "bot")
        found = application(idp, app.entity_id)
        order = Order(found, consumer(found, None, field="recipient"), "direct", CONTEXT_UNSPECIFIED, alone=True)
        key = world.domain.keys.active("saml").private
        assert isinstance(key, rsa.RSAPrivateKey)
        scheme, digest, octets = padding.PKCS1v15(), hashes.SHA256(), b"x" * 500
        bare = best_of_five(lambda: key.sign(octets, scheme, digest), rounds=300)

        def line(name: str, call: Callable[[], object], rounds: int = 200) -> None:
            seconds = best_of_five(call, rounds=rounds)
            print(f"{name:58} {seconds * 1e6:8.0f} us  {1 / seconds:7.0f} /s  {bare / seconds:5.2f}")

        print(f"{'RSA-2048 signature by itself':58} {bare * 1e6:8.0f} us  {1 / bare:7.0f} /s")
        with world.domain.change(caller) as unit:
            outcome = decided(idp, unit, caller, order)
            assert isinstance(outcome, Asserted)
            made = signed(idp, order, outcome)
            told = order, idp.new_id(), outcome.granted, idp.bundles.get(found.settings.attributes)
            line("assertion written and signed", lambda: signed(idp, order, written(idp, *told)))
            line(
                "decided, recorded (no commit), written and signed",
                lambda: signed(idp, order, decided(idp, unit, caller, order)),
            )
        whole = enclosed(idp, order, made).response.encode()
        content = made.text.encode()
        keys = [key.public_key()]
        line("assertion parsed and verified", lambda: signature.verified(xml.parse(content, what="Assertion"), keys))
        client = world.app.test_client()
        headers = {"Authorization": f"Bearer {caller.id}"}
        asked = {"audience": app.entity_id}

        def direct() -> None:
            assert client.post("/saml/assertions", json=asked, headers=headers).status_code == 200

        line("direct issue, session and event committed, without HTTP", direct, rounds=100)
        print(f"an assertion has {len(content)} bytes, a Response {len(whole)}")


if __name__ == "__main__":
    main()
