"""`make bench`: the connector and another maker's SCIM server under the same load, in turn, judged by CPU per request."""
