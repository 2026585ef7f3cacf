"""SAML 2.0: the service provider for people, who sign in to us at their workforce IdP. The domain decides who they are."""
