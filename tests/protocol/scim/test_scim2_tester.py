"""scim2-tester's whole suite against the edge, in process, under the profile that is the letter of the standards."""

import pytest
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_models import ResourceType, Schema, ScimPolicy, ScimProvider
from scim2_tester import Status, check_server

from tests.conftest import BASE_URL
from tests.edge_client import AGENT

# The tester writes random UUIDs into every text, date, id and certificate, and other ones under an attribute's second name:
# the edge refuses those, and rightly so. test_crud.py covers these attributes.
NOT_FILLED = {"owners", "agents", "sponsor", "parent", "x509Certificates"}
NOT_FILLED |= {"issuer", "subject"}  # ours alone; the tester expects an extension without them back
NOT_FILLED |= {"lifecycleState", "validFrom", "validUntil", "nextReview"}


def _described(edge):
    """What the edge publishes, less the attributes that the tester cannot fill.

    Unknown attributes pass: those, and the abbey draft's agentExtension in ServiceProviderConfig.
    """
    schemas = edge.get("/Schemas").get_json()["Resources"]
    names = {one["name"] for schema in schemas if schema["id"] == AGENT for one in schema["attributes"]}
    both = {"name", "agentUserName"} <= names  # one attribute under two names: the tester would give it two values
    for schema in schemas:
        also = {"name"} if schema["id"] == AGENT and both else set()
        schema["attributes"] = [one for one in schema["attributes"] if one["name"] not in NOT_FILLED | also]
    types = edge.get("/ResourceTypes").get_json()["Resources"]
    return ScimProvider.from_discovery(
        [Schema.model_validate(one) for one in schemas],
        [ResourceType.model_validate(one) for one in types],
        None,
        ScimPolicy(unknown=ScimPolicy.Unknown.ignore),
    )


@pytest.mark.parametrize("dialect", ["wzdk", "abbey", "superset", "wahl"])
def test_scim2_tester_finds_no_errors(app, new_client, dialect):
    edge = new_client("tester", dialect=dialect, profile="strict")
    client = WSGISCIMClient(
        app,
        base_url=f"{BASE_URL}/scim/v2",
        headers={"Authorization": f"Bearer {edge.bearer}"},
        provider=_described(edge),
    )
    results = check_server(client)
    errors = [one for one in results if one.status in (Status.ERROR, Status.CRITICAL)]
    assert not errors, "\n".join(f"{one.resource_type} {one.title}: {one.reason}" for one in errors)
    own = {"AgenticIdentity"} if dialect == "wahl" else set()
    assert {"Agent", "User", "Group"} | own <= {one.resource_type for one in results}
