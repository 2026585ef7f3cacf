"""The configuration files of Apache, Shibboleth and mod_auth_mellon for one throw-away instance."""

import os
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.servers.process import HOST

_SHIBBOLETH = Path("/etc/shibboleth")
_MODULES = Path("/usr/lib/apache2/modules")
_LOADED = (
    *(f"{name}_module mod_{name}" for name in ("mpm_prefork", "authn_core", "authz_core", "authz_user", "dir", "env")),
    *(f"{name}_module mod_{name}" for name in ("cgi", "alias")),
    "mod_shib mod_shib",
    "auth_mellon_module mod_auth_mellon",
)
# An attribute is matched by name and NameFormat together; an identity provider may send any of these.
_NAME_FORMATS = tuple(f"urn:oasis:names:tc:SAML:2.0:attrname-format:{name}" for name in ("uri", "basic", "unspecified"))
_NAME_ID_FORMATS = (
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
)
# /bin/sh would do no harm here: Apache turns every character of a name that a shell could not hold into "_".
PAGE = """#!/bin/sh
echo "Content-Type: text/plain; charset=utf-8"
echo
env
"""


def shibboleth_xml(directory: Path, *, entity_id: str, idp_entity_id: str) -> str:
    keys = f'key="{directory}/shibboleth.key" certificate="{directory}/shibboleth.crt"'
    # left to itself, Shibboleth signs requests by Redirect with SHA-256, but those for enhanced clients with SHA-1
    signing = 'signing="true" signingAlg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"'
    plain_http = 'requireConfidentiality="false" requireTransportAuth="false"'  # else it tells nobody of a logout
    return f"""<SPConfig xmlns="urn:mace:shibboleth:3.0:native:sp:config" clockSkew="180"
    logger="{directory}/shibd.logger">
  <OutOfProcess/>
  <InProcess logger="{directory}/native.logger"/>
  <UnixListener address="{directory}/shibd/shibd.sock"/>
  <ApplicationDefaults entityID={quoteattr(entity_id)} {signing} {plain_http}
      REMOTE_USER="subject-id persistent-id name_id">
    <Sessions lifetime="28800" timeout="3600" relayState="ss:mem" checkAddress="false" handlerSSL="false"
        cookieProps="http">
      <SSO entityID={quoteattr(idp_entity_id)} ECP="true">SAML2</SSO>
      <Logout>SAML2 Local</Logout>
      <Handler type="Session" Location="/Session" showAttributeValues="true"/>
    </Sessions>
    <Errors supportContact="root@localhost"/>
    <MetadataProvider type="XML" validate="true" path="{directory}/idp-metadata.xml"/>
    <AttributeExtractor type="XML" path="{directory}/attribute-map.xml"/>
    <AttributeExtractor type="Delegation" attributeId="delegate" formatter="$Name"/>
    <AttributeFilter type="XML" path="{_SHIBBOLETH}/attribute-policy.xml"/>
    <CredentialResolver type="File" use="signing" {keys}/>
    <CredentialResolver type="File" use="encryption" {keys}/>
  </ApplicationDefaults>
  <SecurityPolicyProvider type="XML" path="{directory}/security-policy.xml"/>
  <ProtocolProvider type="XML" path="{_SHIBBOLETH}/protocols.xml"/>
</SPConfig>
"""


def attribute_map(names: Sequence[tuple[str, str]]) -> str:
    """The packaged map after our (attribute name, variable) pairs: of two rules for one name the first wins."""
    ours = [
        f"  <Attribute name={quoteattr(name)} nameFormat={quoteattr(name_format)} id={quoteattr(variable)}/>"
        for name, variable in names
        for name_format in _NAME_FORMATS
    ]
    subject = [
        f'  <Attribute name="{name_format}" id="name_id">'
        '<AttributeDecoder xsi:type="NameIDAttributeDecoder" formatter="$Name"/></Attribute>'
        for name_format in _NAME_ID_FORMATS
    ]
    packaged = (_SHIBBOLETH / "attribute-map.xml").read_text(encoding="utf-8")
    head, end_of_tag, rest = packaged.partition(">")
    return "\n".join([head + end_of_tag, *ours, *subject]) + rest


def security_policy() -> str:
    """The packaged one, and it understands who acts for whom: without the rule, assertions that say so are refused."""
    packaged = (_SHIBBOLETH / "security-policy.xml").read_text(encoding="utf-8")
    return packaged.replace('<!-- <PolicyRule type="Delegation"/> -->', '<PolicyRule type="Delegation"/>')


def logger(log: Path, level: str) -> str:
    return f"""log4j.rootCategory={level}, file
log4j.appender.file=org.apache.log4j.FileAppender
log4j.appender.file.fileName={log}
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d{{%Y-%m-%d %H:%M:%S}} %p %c: %m%n
"""


def apache_conf(directory: Path, port: int) -> str:
    modules = "\n".join(
        f"LoadModule {name} {_MODULES}/{file}.so" for name, _, file in (line.partition(" ") for line in _LOADED)
    )
    account = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    mellon = f"""MellonEndpointPath /mellon-endpoint
  MellonSPMetadataFile {directory}/mellon-metadata.xml
  MellonSPPrivateKeyFile {directory}/mellon.key
  MellonSPCertFile {directory}/mellon.crt
  MellonIdPMetadataFile {directory}/idp-metadata.xml
  MellonSecureCookie Off"""
    # ServerName carries the scheme and port, because both modules build the URLs they compare with it.
    # ShibCompatValidUser: else mod_shib decides "Require valid-user" for mellon's locations as well, and refuses.
    return f"""{modules}
Listen {HOST}:{port}
ServerName http://{HOST}:{port}
UseCanonicalName On
{account}
ServerRoot {directory}
DocumentRoot {directory}/htdocs
PidFile {directory}/run/apache.pid
ErrorLog {directory}/apache.log
LogLevel warn auth_mellon:info
Mutex file:{directory}/run default
StartServers 2
ShibConfig {directory}/shibboleth2.xml
ShibCompatValidUser On
MellonPostDirectory {directory}/run
ScriptAlias /shib/ {directory}/cgi/page/
ScriptAlias /mellon/ {directory}/cgi/page/
<Directory {directory}>
  Require all granted
</Directory>
<Location />
  ShibDisable On
</Location>
<Location /Shibboleth.sso>
  ShibDisable Off
  SetHandler shib
</Location>
<Location /shib>
  ShibDisable Off
  AuthType shibboleth
  ShibRequestSetting requireSession 1
  Require valid-user
</Location>
<Location /mellon>
  AuthType Mellon
  MellonEnable auth
  Require valid-user
  {mellon}
</Location>
<Location /mellon-endpoint>
  MellonEnable info
  {mellon}
</Location>
"""
