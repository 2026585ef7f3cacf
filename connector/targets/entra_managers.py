"""Managers of many users of an Entra tenant: Graph does not expand them in the lists that our filters need.

In: users as a list gives them. Out: the same with `manager`, asked for by batches (a batch takes 20 requests).
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from connector.targets.base import Throttled, Unreachable
from connector.targets.rest_wire import RestWire
from connector.targets.sign_in import Json, number

MANAGER: Final = "manager($select=id)"
_AT_ONCE: Final = 20
_USUAL_WAIT: Final = 10.0


def with_managers(wire: RestWire, users: Iterable[Json]) -> Iterator[Json]:
    """In the same order; a user who is gone meanwhile comes without a manager."""
    left = iter(users)
    while some := list(islice(left, _AT_ONCE)):
        wanted = [
            {"id": str(place), "method": "GET", "url": f"/users/{user['id']}?$select=id&$expand={MANAGER}"}
            for place, user in enumerate(some)
        ]
        answers = wire.write("POST", "$batch", body={"requests": wanted}).object.get("responses") or []
        managers = {str(one.get("id")): _manager(one) for one in answers}
        if managers.keys() != {one["id"] for one in wanted}:
            raise Unreachable("Microsoft Graph did not answer every request of a batch")
        for place, user in enumerate(some):
            manager = managers[str(place)]
            yield {**user, "manager": manager} if manager else user


def _manager(answer: Json) -> Any:
    status, headers = answer.get("status"), answer.get("headers") or {}
    if status == 429:
        wait = number(headers.get("Retry-After")) or _USUAL_WAIT
        raise Throttled("Microsoft Graph asks us to wait (429 in a batch)", retry_after=wait)
    if status not in (200, 404):
        raise Unreachable(f"Microsoft Graph failed a request of a batch ({status})")
    body = answer.get("body")
    return body.get("manager") if status == 200 and isinstance(body, dict) else None
