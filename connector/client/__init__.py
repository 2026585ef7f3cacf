"""A small client for agents: gets tokens by any method, binds them to a key, exchanges, keeps and renews them.

from connector.client import AgentClient, Secret

client = AgentClient("https://connector.example", Secret("agt-…", "acs_…"))
client.session("files.read").get("https://files.example/reports")
"""

from connector.client.authorization import Authorization
from connector.client.credentials import Certificate, Federated, PrivateKey, Secret
from connector.client.errors import TokenRefused
from connector.client.proof import DPoPKey
from connector.client.tokens import AgentClient, Token

__all__ = [
    "AgentClient",
    "Authorization",
    "Certificate",
    "DPoPKey",
    "Federated",
    "PrivateKey",
    "Secret",
    "Token",
    "TokenRefused",
]
