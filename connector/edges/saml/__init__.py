"""SAML 2.0: the identity provider for agents. Messages in and out; who may sign on is decided in the domain."""
