"""scim-sanity's probe, which knows the abbey draft's Agents and AgenticApplications, against the edge behind a real port."""

import threading

import pytest
from scim_sanity.probe.runner import run_probe_api
from werkzeug.serving import make_server


@pytest.fixture
def address(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/scim/v2"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("profile", ["default", "okta", "strict"])
def test_scim_sanity_finds_no_failure(address, new_client, profile):
    bearer = new_client(
        "sanity", dialect="abbey", profile=profile, park_members=True
    ).bearer  # it adds a member who is not there

    report = run_probe_api(address, token=bearer, strict=True)

    failed = {(one["name"], one["message"]) for one in report["results"] if one["status"] in ("fail", "error", "warn")}
    assert failed == set()
    tested = " ".join(one["name"] for one in report["results"] if one["status"] == "pass")
    assert all(f"POST /{kind}" in tested for kind in ("Users", "Groups", "Agents", "AgenticApplications")), tested
