"""The names that SAML 2.0 is made of: namespaces, bindings, formats, status codes. Only names, no behaviour."""

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
EC = "http://www.w3.org/2001/10/xml-exc-c14n#"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ECP = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"
CB = "urn:oasis:names:tc:SAML:protocol:ext:channel-binding"
DEL = "urn:oasis:names:tc:SAML:2.0:conditions:delegation"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SHIBMD = "urn:mace:shibboleth:metadata:1.0"
MDUI = "urn:oasis:names:tc:SAML:metadata:ui"

SOAP_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"

# Bindings, section 3
BINDING_SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
BINDING_PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
BINDING_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
BINDING_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
BINDING_ARTIFACT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
REDIRECT_DEFLATE = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"

# Core section 8.3
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

HOLDER_OF_KEY = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ATTRIBUTE_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
ATTRIBUTE_BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
ATTRIBUTE_UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"
LOGOUT_ADMIN = "urn:oasis:names:tc:SAML:2.0:logout:admin"

# Core section 3.2.2.2
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
SUCCESS = STATUS + "Success"
REQUESTER = STATUS + "Requester"
RESPONDER = STATUS + "Responder"
PARTIAL_LOGOUT = STATUS + "PartialLogout"
UNKNOWN_PRINCIPAL = STATUS + "UnknownPrincipal"
REQUEST_DENIED = STATUS + "RequestDenied"
REQUEST_UNSUPPORTED = STATUS + "RequestUnsupported"
INVALID_NAME_ID_POLICY = STATUS + "InvalidNameIDPolicy"
NO_AUTHN_CONTEXT = STATUS + "NoAuthnContext"
UNSUPPORTED_BINDING = STATUS + "UnsupportedBinding"

# SAML authentication context classes, section 3.4
CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
CONTEXT_PASSWORD = CONTEXT + "Password"
CONTEXT_PROTECTED_PASSWORD = CONTEXT + "PasswordProtectedTransport"
CONTEXT_TLS_CLIENT = CONTEXT + "TLSClient"
CONTEXT_UNSPECIFIED = CONTEXT + "unspecified"
