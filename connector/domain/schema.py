"""Names of the canonical documents: schema URNs, and which attribute is the unique name of each kind (SCIM vocabulary)."""

AGENT = "urn:ietf:params:scim:schemas:core:2.0:Agent"
AGENTIC_IDENTITY = "urn:ietf:params:scim:schemas:core:2.0:AgenticIdentity"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
APPLICATION = "urn:ietf:params:scim:schemas:core:2.0:AgenticApplication"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GOVERNANCE = "urn:agentidp:params:scim:schemas:extension:governance:1.0:Agent"

NAME_OF = {"agent": "agentUserName", "person": "userName", "group": "displayName", "application": "name"}
TYPE_OF = {"agent": "Agent", "person": "User", "group": "Group", "application": "AgenticApplication"}
MEMBER_KINDS = frozenset({"person", "agent", "group"})  # what may be in a group
PREFIX_OF = {"agent": "agt", "person": "usr", "group": "grp", "application": "app"}  # of ids

# Lists of objects whose `value` is kept as a row of its own, to be searched by.
SEARCHED_BY = frozenset({"emails"})
