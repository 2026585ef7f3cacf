"""The sample data: enterprise users of 1.8 KB, and the SCIM messages around them."""

from typing import Any

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def user(number: int, title: str = "Agent") -> dict[str, Any]:
    """The user of a number; its eight digits are in its userName and its addresses and nowhere in those of another."""
    digits, name = f"{number:08d}", user_name(number)
    work = f"{number % 89 + 1} Bench Street"
    home = f"{number % 97 + 1} Garden Lane"
    return {
        "schemas": [CORE + "User", ENTERPRISE],
        "userName": name,
        "externalId": f"hr-{digits}",
        "name": {
            "formatted": f"Agent {digits} of the Bench",
            "familyName": f"Bench-{number % 1000:03d}",
            "givenName": f"Agent{digits}",
            "middleName": "of the",
        },
        "displayName": f"Agent {digits}",
        "nickName": f"bench{number % 1009}",
        "profileUrl": f"https://agents.example.com/profile/{digits}",
        "title": title,
        "userType": "Agent",
        "preferredLanguage": "en",
        "locale": "en-GB",
        "timezone": "Europe/Berlin",
        "active": True,
        "emails": [
            {"value": f"{name}@work.example.com", "type": "work", "primary": True},
            {"value": f"{name}@home.example.org", "type": "home"},
        ],
        "phoneNumbers": [
            {"value": f"+49-30-{number % 100000:05d}", "type": "work"},
            {"value": f"+49-170-{number % 100000:05d}", "type": "mobile"},
        ],
        "addresses": [_address("work", work, primary=True), _address("home", home, primary=False)],
        "roles": [
            {"value": "reader", "display": "Reads the tickets of the platform team and the runbooks", "primary": True},
            {"value": "deployer", "display": "Deploys services to staging and production"},
        ],
        "entitlements": [
            {"value": f"repository:service-{number % 61}:write", "display": "May write to the repository of a service"},
            {"value": "tickets:read", "display": "May read every ticket"},
        ],
        ENTERPRISE: {
            "employeeNumber": digits,
            "costCenter": f"{4100 + number % 83}",
            "organization": "Bench Works",
            "division": "Automation",
            "department": f"Department {number % 37}",
        },
    }


def user_name(number: int) -> str:
    return f"bench{number:08d}"


def _address(kind: str, street: str, *, primary: bool) -> dict[str, Any]:
    place = {"locality": "Berlin", "region": "BE", "postalCode": "10115", "country": "DE"}
    return {
        "type": kind,
        "streetAddress": street,
        **place,
        "formatted": f"{street}, 10115 Berlin, Germany",
        "primary": primary,
    }


def group(name: str, members: list[str]) -> dict[str, Any]:
    return {"schemas": [CORE + "Group"], "displayName": name, "members": [{"value": one} for one in members]}


def patch(operation: str, path: str, value: Any) -> dict[str, Any]:
    return {"schemas": [MESSAGES + "PatchOp"], "Operations": [{"op": operation, "path": path, "value": value}]}


def bulk(numbers: list[int]) -> dict[str, Any]:
    """Creates of these users, in one request."""
    return {
        "schemas": [MESSAGES + "BulkRequest"],
        "failOnErrors": 1,
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": f"u{number}", "data": user(number)} for number in numbers
        ],
    }
