"""/metrics tells when what sign-on needs ends: our signing keys, and what applications registered."""

import re

from flask import Flask

from connector.domain.unit import SYSTEM
from connector.edges.saml import service_provider
from connector.parts import Parts
from tests.servers.pki import self_signed_rsa
from tests.servers.sp_metadata import POST, Endpoint, service_provider_metadata


def test_metrics_tell_when_certificates_and_metadata_end(app: Flask, parts: Parts) -> None:
    keys = self_signed_rsa("wiki")
    consumers = [Endpoint(POST, "https://wiki.example/acs")]
    metadata = service_provider_metadata("https://wiki.example/md", keys, consumers=consumers, logouts=[])
    until = b'validUntil="2027-04-01T00:00:00Z" entityID='
    service_provider.register(parts.domain, SYSTEM, name="wiki", metadata=metadata.replace(b"entityID=", until))

    text = app.test_client().get("/metrics").text

    found = re.findall(r'^connector_ends_timestamp_seconds\{holder="(\w+)",what="(\w+)"\} (\S+)$', text, re.MULTILINE)
    ends = {(holder, what): float(moment) for holder, what, moment in found}
    assert ends["wiki", "metadata"] == 1806537600.0
    [certificate] = [moment for (holder, what), moment in ends.items() if holder == "wiki" and len(what) == 64]
    assert certificate == keys.certificate.not_valid_after_utc.timestamp()
    assert ("saml", parts.domain.keys.active("saml").id) in ends
