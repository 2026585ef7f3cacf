"""However hostile a message is, reading it takes less than 64 MB: measured from outside, in a process of its own for each."""

import subprocess
import sys

import pytest

# Loads what reads, then reads the one message, and tells by how many KB its peak has grown.
_READER = """
import base64, resource, sys, zlib
from urllib.parse import quote_plus
from connector.core.errors import ConnectorError
from connector.edges.saml import redirect, service_provider, soap, xml

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def deflated(content):
    squeeze = zlib.compressobj(9, wbits=-15)
    return b"SAMLRequest=" + quote_plus(base64.b64encode(squeeze.compress(content) + squeeze.flush())).encode()

READ = {
    "redirect": redirect.read,
    "xml": lambda content: xml.parse(content, what="message"),
    "soap": soap.body_of,
    "metadata": service_provider.parsed,
}
way, make = sys.argv[1:]
message = eval(make)
xml.parse(b"<a/>", what="warm")
before = peak()
try:
    READ[way](message)
    told = "read"
except ConnectorError:
    told = "refused"
print(told, peak() - before)
"""
_MANY = 2_000_000
MESSAGES = {
    "a bomb of one gigabyte": ("redirect", "deflated(bytes(1_000_000_000))"),
    "a query of many values": ("redirect", f"b'&'.join(b'a%d=1' % n for n in range({_MANY // 20}))"),
    "deep elements": ("xml", f"b'<a>' * {_MANY // 4}"),
    "wide elements": ("xml", f"b'<a>' + b'<b/>' * {_MANY // 4} + b'</a>'"),
    "just as wide as may be": ("xml", "b'<a>' + b'<b/>' * 65_000 + b'</a>'"),
    "many attributes": ("xml", "b'<a ' + b' '.join(b'a%d=\"\"' % n for n in range(26_000)) + b'/>'"),
    "many namespaces": ("xml", "b'<a ' + b' '.join(b'xmlns:a%d=\"u:%d\"' % (n, n) for n in range(11_000)) + b'/>'"),
    "one long text": ("xml", f"b'<a>' + b'x' * {_MANY * 10} + b'</a>'"),
    "entities of entities": (
        "xml",
        "b'<!DOCTYPE a [<!ENTITY b \"' + b'x' * 9 + b'\">' + b''.join(b'<!ENTITY b%d \"%s\">' % (n, b'&b%d;' % (n - 1) * 9 "
        "if n else b'&b;' * 9) for n in range(9)) + b']><a>&b8;</a>'",
    ),
    "an envelope of many bodies": ("soap", f"b'<Envelope>' + b'<Body/>' * {_MANY // 7} + b'</Envelope>'"),
    "metadata of many roles": ("metadata", f"b'<EntityDescriptor>' + b'<SPSSODescriptor/>' * {_MANY // 20}"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_takes_64_megabytes(name: str) -> None:
    way, make = MESSAGES[name]
    done = subprocess.run(
        [sys.executable, "-c", _READER, way, make], capture_output=True, text=True, timeout=60, check=True
    )

    told, grown = done.stdout.split()
    assert int(grown) < 64 * 1024, f"{told}, and took {int(grown) // 1024} MB"
    assert told == "refused" or name in ("just as wide as may be", "many attributes", "many namespaces"), told
