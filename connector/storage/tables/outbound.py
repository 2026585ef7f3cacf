"""Targets, the links to accounts there, the work that is to be done, and what people must decide."""

import sqlalchemy as sa

from connector.storage.tables.base import Text, metadata, moment

target = sa.Table(
    "target",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("mapping", Text, nullable=False),
    sa.Column("options", Text, nullable=False),  # JSON; secrets are references
    sa.Column("blocked_until", Text, nullable=True),  # Retry-After, or a pause after it could not be reached
    sa.Column("failures", sa.Integer, nullable=False),  # in a row, of the target itself
    sa.Column("problem", Text, nullable=True),  # why it is blocked, in plain words
    moment("last_success", nullable=True),
    sa.Column("paused", Text, nullable=True),  # who paused it, and why
    sa.Column(
        "threads", sa.Integer, nullable=True
    ),  # pushes at the same time, where it is not the deployment's setting
    sa.Column("rate", sa.Integer, nullable=False),  # pushes a second from each worker; 0: as fast as it goes
    moment("read", nullable=True),  # when all of its accounts were last compared
    sa.Column("cookie", Text, nullable=True),  # where the last look at its changes ended
    moment("created"),
)

link = sa.Table(  # a record of ours and its counterpart at one target
    "link",
    metadata,
    sa.Column(
        "resource_id", Text, primary_key=True
    ),  # no foreign key: a link outlives its agent until the account is dealt with
    sa.Column("target", Text, sa.ForeignKey("target.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("remote_id", Text, nullable=False),
    sa.Column("applied", Text, nullable=False),  # JSON of what was last written: account, groups
    moment("created"),
    moment("modified"),
    sa.UniqueConstraint("target", "remote_id"),
)

outbox = sa.Table(  # "this resource at that destination must be looked at"; one row a pair, so that changes coalesce
    "outbox",
    metadata,
    sa.Column("resource_id", Text, primary_key=True),
    sa.Column("destination", Text, primary_key=True),  # target:NAME | app:ENTITY_ID
    sa.Column("wanted", sa.BigInteger, nullable=False),  # counts the changes
    sa.Column("done", sa.BigInteger, nullable=False),  # the count that was last carried out
    sa.Column(
        "priority", sa.Integer, nullable=False
    ),  # 0 deprovision < 1 disable < 2 membership < 3 update < 4 create < 5 back-fill
    sa.Column("attempts", sa.Integer, nullable=False),
    moment("due"),
    sa.Column("lease", Text, nullable=True),
    moment("lease_until", nullable=True),
    sa.Column("problem", Text, nullable=True),
    sa.Column("outcome", Text, nullable=True),  # what the problem is: failed | case | unsupported | propagating
    sa.Column("correlation_id", Text, nullable=False),
    moment("changed"),
)
outbox_open = sa.Index(
    "ix_outbox_open",
    outbox.c.destination,
    outbox.c.priority,
    outbox.c.due,
    sqlite_where=outbox.c.wanted > outbox.c.done,
    postgresql_where=outbox.c.wanted > outbox.c.done,
)

plan = sa.Table(  # what a reconciliation of a target would do, kept until it is applied or another takes its place
    "plan",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("target", Text, sa.ForeignKey("target.name", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", Text, nullable=False),  # reconcile | queue
    sa.Column("digest", Text, nullable=False),  # SHA-256 of the document: what an approval is of
    sa.Column("document", Text, nullable=False),  # canonical JSON: the steps of each agent
    sa.Column("brakes", Text, nullable=False),  # JSON: why it must not run without an approval
    sa.Column("state", Text, nullable=False),  # open | approved | applied | replaced
    sa.Column("made_by", Text, nullable=False),
    sa.Column("approved_by", Text, nullable=True),
    sa.Column("reason", Text, nullable=True),  # why it was approved
    moment("created"),
    moment("modified"),
    sa.Index("ix_plan_target", "target"),
)

correlation_case = sa.Table(  # an account or an agent whose counterpart a person must decide about
    "correlation_case",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("target", Text, sa.ForeignKey("target.name", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", Text, nullable=False),  # unlinked | disputed | unmatched | missing
    sa.Column("about", Text, nullable=False),  # the id of the agent, or of the account where there is no agent
    sa.Column("accounts", Text, nullable=False),  # JSON: id to what it is called, of the accounts in question
    sa.Column("detail", Text, nullable=False),
    sa.Column("state", Text, nullable=False),  # open | linked | unlinked | ignored | settled
    sa.Column("decided_by", Text, nullable=True),
    sa.Column("reason", Text, nullable=True),
    moment("created"),
    moment("modified"),
    sa.UniqueConstraint("target", "about"),
)

tombstone = sa.Table(  # what was deleted: nothing but a deliberate creation brings it back
    "tombstone",
    metadata,
    sa.Column("resource_id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    moment("deleted"),
)

tombstone_key = sa.Table(  # what somebody who was deleted was known by: a sign-in by it makes nobody new
    "tombstone_key",
    metadata,
    sa.Column("kind", Text, primary_key=True),
    sa.Column("key", Text, primary_key=True),  # as it is compared: core/query.py
    sa.Column("resource_id", Text, primary_key=True),
)
