"""scim2-tester's whole suite against the edge, in process."""

import pytest
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_models import ScimPolicy, ScimProvider
from scim2_tester import Status, check_server

from tests.conftest import BASE_URL

# Findings that we do not agree with: (resource type, beginning of the reason) and why.
EXCUSED: dict[tuple[str, str], str] = {}


@pytest.mark.parametrize("dialect", ["wzdk", "superset"])
def test_scim2_tester_finds_no_errors(app, new_client, dialect):
    bearer = new_client("tester", dialect=dialect).bearer
    # The superset advertises the abbey draft's agentExtension in ServiceProviderConfig, which RFC 7643 does not have.
    unknown = ScimPolicy.Unknown.ignore if dialect == "superset" else ScimPolicy.Unknown.forbid
    client = WSGISCIMClient(
        app,
        base_url=f"{BASE_URL}/scim/v2",
        headers={"Authorization": f"Bearer {bearer}"},
        provider=ScimProvider(policy=ScimPolicy(unknown=unknown)),
    )
    results = check_server(client)
    errors = [one for one in results if one.status in (Status.ERROR, Status.CRITICAL)]
    unexcused = [
        f"{one.resource_type} {one.title}: {one.reason}"
        for one in errors
        if not any(one.resource_type == kind and (one.reason or "").startswith(start) for kind, start in EXCUSED)
    ]
    assert not unexcused, "\n".join(unexcused)
    assert {"Agent", "User", "Group"} <= {one.resource_type for one in results}
