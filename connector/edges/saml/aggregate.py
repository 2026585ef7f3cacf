"""Metadata of many entities in one document (metadata section 2.3.1): an EntitiesDescriptor, which may hold others.

In: its root, as it is trusted. Out: each service provider as a document of its own, which says itself what the groups around it say of
it: until when it is good, and how long it may be kept.
"""

import copy

from connector.core.errors import Invalid
from connector.edges.saml import xml
from connector.edges.saml.names import MD
from connector.edges.saml.xml import Element

_GROUP, _ENTITY = xml.name(MD, "EntitiesDescriptor"), xml.name(MD, "EntityDescriptor")
_LISTED = 5


def is_one(root: Element) -> bool:
    return root.tag == _GROUP


def service_providers(root: Element) -> dict[str, Element]:
    """By entityID. Invalid where one is there twice: nobody could say which is meant."""
    found: dict[str, Element] = {}
    for entity in root.iter(_ENTITY):
        if entity.find(xml.name(MD, "SPSSODescriptor")) is None:
            continue
        entity_id = entity.get("entityID", "")
        if entity_id in found:
            raise Invalid(f"the metadata has {entity_id} twice", field="entityID")
        found[entity_id] = entity
    if not found:
        raise Invalid(
            "the metadata has no service provider: no EntityDescriptor with an SPSSODescriptor", field="metadata"
        )
    return found


def named(providers: dict[str, Element], entity_id: str | None) -> Element:
    """The one of that name, or the only one."""
    if entity_id is None and len(providers) == 1:
        return next(iter(providers.values()))
    if entity_id in providers:
        return providers[entity_id]
    listed = ", ".join(sorted(providers)[:_LISTED]) + (", ..." if len(providers) > _LISTED else "")
    if entity_id is None:
        problem = (
            f"the metadata has {len(providers)} service providers, name one with --entity-id, or take --all: {listed}"
        )
    else:
        problem = f"the metadata has no service provider {entity_id}; it has: {listed}"
    raise Invalid(problem, field="entity-id")


def alone(entity: Element) -> bytes:
    """That entity as a document."""
    document = copy.deepcopy(entity)
    document.tail = None
    around = [entity, *entity.iterancestors(_GROUP)]
    ends = [one.get("validUntil", "") for one in around if one.get("validUntil")]
    if ends:
        document.set("validUntil", min(ends, key=lambda end: xml.moment(end, field="validUntil")))
    kept = next((one.get("cacheDuration") for one in around if one.get("cacheDuration")), None)
    if kept:
        document.set("cacheDuration", kept)
    return xml.serialise(document)
