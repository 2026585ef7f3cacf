// Judges SAML Responses by node-saml. In: one JSON object on standard input, with `options` and `response`. Out: one, with `profile` or `error`.
import { readFileSync } from "node:fs";
import { SAML } from "@node-saml/node-saml";

const asked = JSON.parse(readFileSync(0, "utf8"));
try {
  const { profile } = await new SAML(asked.options).validatePostResponseAsync({ SAMLResponse: asked.response });
  const { nameID, nameIDFormat, sessionIndex, attributes, issuer } = profile;
  console.log(JSON.stringify({ profile: { nameID, nameIDFormat, sessionIndex, attributes, issuer } }));
} catch (problem) {
  console.log(JSON.stringify({ error: problem.message }));
}
