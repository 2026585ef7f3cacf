"""The SCIM 2.0 service provider (RFC 7643, RFC 7644): tables compiled at start-up, plain data on the hot path.

wsgi.py takes a request in, routes.py finds what it means; service.py runs it; schema.py and validate.py know the attributes;
paths.py reads paths and filters; patch.py changes a document; render.py writes the answer.
"""
