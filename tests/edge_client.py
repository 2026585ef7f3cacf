"""Flask's test client with a bearer and SCIM's media type."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

AGENT = "urn:ietf:params:scim:schemas:core:2.0:Agent"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
APPLICATION = "urn:ietf:params:scim:schemas:core:2.0:AgenticApplication"
IDENTITY = "urn:ietf:params:scim:schemas:core:2.0:AgenticIdentity"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
_SCHEMAS = {
    "Agents": AGENT,
    "Users": USER,
    "Groups": GROUP,
    "AgenticApplications": APPLICATION,
    "AgenticIdentities": IDENTITY,
}


class EdgeClient:
    """Speaks SCIM below /scim/v2: paths are `/Agents`, bodies are plain data."""

    def __init__(self, client: FlaskClient, bearer: str) -> None:
        self.http = client
        self.bearer = bearer

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Headers by keyword: `If_Match='W/"1"'`."""
        named = {"Authorization": f"Bearer {self.bearer}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        json = {} if body is None else {"json": body, "content_type": "application/scim+json"}
        return self.http.open(f"/scim/v2{path}", method=method, headers=named, **json)

    def get(self, path: str, **query: Any) -> TestResponse:
        named = {"Authorization": f"Bearer {self.bearer}"}
        return self.http.get(f"/scim/v2{path}", headers=named, query_string=query)

    def post(self, endpoint: str, **attributes: Any) -> TestResponse:
        return self.send("POST", f"/{endpoint}", {"schemas": [_SCHEMAS[endpoint]], **attributes})

    def make(self, endpoint: str, **attributes: Any) -> dict[str, Any]:
        """Create, expecting success."""
        answer = self.post(endpoint, **attributes)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()

    def put(self, endpoint: str, id: str, **attributes: Any) -> TestResponse:
        return self.send("PUT", f"/{endpoint}/{id}", {"schemas": [_SCHEMAS[endpoint]], **attributes})

    def patch(self, endpoint: str, id: str, *operations: dict[str, Any], **headers: str) -> TestResponse:
        body = {"schemas": [PATCH_OP], "Operations": list(operations)}
        return self.send("PATCH", f"/{endpoint}/{id}", body, **headers)

    def bulk(self, *operations: dict[str, Any], **options: Any) -> TestResponse:
        return self.send("POST", "/Bulk", {"schemas": [BULK], "Operations": list(operations), **options})

    def search(self, path: str, **asked: Any) -> TestResponse:
        """POST .search below a path, `""` for the root."""
        return self.send("POST", f"{path}/.search", {"schemas": [SEARCH], **asked})

    def found(self, endpoint: str, filter: str) -> list[str]:
        """The ids that a filter finds, in order."""
        answer = self.get(f"/{endpoint}", filter=filter)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return [one["id"] for one in answer.get_json()["Resources"]]

    def person(self, user_name: str, /, **attributes: Any) -> str:
        return self.make("Users", userName=user_name, **attributes)["id"]

    def agent(self, name: str, **attributes: Any) -> str:
        return self.make("Agents", agentUserName=name, **attributes)["id"]

    def group(self, name: str, *member_ids: str) -> str:
        return self.make("Groups", displayName=name, members=[{"value": id} for id in member_ids])["id"]


GOVERNANCE = "urn:agentidp:params:scim:schemas:extension:governance:1.0:Agent"


def problem(answer, status, scim_type=None, naming=""):
    body = answer.get_json()
    assert (answer.status_code, body["status"], body.get("scimType")) == (status, str(status), scim_type), body
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.mimetype == "application/scim+json"
    assert naming in body["detail"]
