"""How long a credential of an agent may live, by its kind, in days, unless the deployment says otherwise (setting `credential_days`)."""

from collections.abc import Mapping
from types import MappingProxyType

LONGEST_DAYS: Mapping[str, int] = MappingProxyType(
    {"client_secret": 365, "bearer": 365, "api_key": 90, "public_key": 730, "certificate": 730, "tls_name": 730}
)
