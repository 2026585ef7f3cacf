"""Every table. This metadata is the schema; migrations/ makes and upgrades databases by frozen statements (a test compares the two)."""

from connector.storage.tables.audit import audit_checkpoint, audit_event, lease
from connector.storage.tables.base import metadata
from connector.storage.tables.callers import client, counter, credential, cutoff, replay, revoked_token, trust
from connector.storage.tables.federation import saml_app, saml_artifact, saml_behind, saml_session, saml_source
from connector.storage.tables.oauth import (
    api_resource,
    api_scope,
    delegation,
    person_grant,
    push_only,
    pushed_request,
    redirect_uri,
    scope_grant,
    vouching,
)
from connector.storage.tables.outbound import correlation_case, link, outbox, plan, target, tombstone, tombstone_key
from connector.storage.tables.people import person_session, sign_in_request, workforce_idp
from connector.storage.tables.records import (
    TRIGRAMS,
    activity,
    application_agent,
    external_id,
    member,
    ownership,
    resource,
    searchable,
    tally,
)

__all__ = [
    "TRIGRAMS",
    "activity",
    "api_resource",
    "api_scope",
    "application_agent",
    "audit_checkpoint",
    "audit_event",
    "client",
    "correlation_case",
    "counter",
    "credential",
    "cutoff",
    "delegation",
    "external_id",
    "lease",
    "link",
    "member",
    "metadata",
    "outbox",
    "ownership",
    "person_grant",
    "person_session",
    "plan",
    "push_only",
    "pushed_request",
    "redirect_uri",
    "replay",
    "resource",
    "revoked_token",
    "saml_app",
    "saml_artifact",
    "saml_behind",
    "saml_session",
    "saml_source",
    "scope_grant",
    "searchable",
    "sign_in_request",
    "tally",
    "target",
    "tombstone",
    "tombstone_key",
    "trust",
    "vouching",
    "workforce_idp",
]
