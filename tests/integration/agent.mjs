// An agent in Node, without any library: private_key_jwt and DPoP. Arguments: issuer, agent id, file with a P-256 key in PEM.
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const [issuer, id, file] = process.argv.slice(2);
const key = createPrivateKey(readFileSync(file));
const dpop = generateKeyPairSync("ec", { namedCurve: "P-256" });
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function jwt(header, claims, private_) {
  const text = `${encode({ alg: "ES256", ...header })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(text), { key: private_, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

function proof(method, url, nonce, token) {
  const claims = { jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), nonce };
  if (token) claims.ath = createHash("sha256").update(token).digest("base64url");
  return jwt({ typ: "dpop+jwt", jwk: dpop.publicKey.export({ format: "jwk" }) }, claims, dpop.privateKey);
}

const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();

async function ask(nonce) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: id, sub: id, aud: issuer, iat: now, exp: now + 60, jti: randomUUID() };
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: jwt({ typ: "client-authentication+jwt" }, claims, key),
  });
  const headers = { DPoP: proof("POST", metadata.token_endpoint, nonce) };
  const answer = await fetch(metadata.token_endpoint, { method: "POST", body, headers });
  const told = await answer.json();
  if (told.error === "use_dpop_nonce" && !nonce) return ask(answer.headers.get("dpop-nonce"));
  return { ...told, nonce: answer.headers.get("dpop-nonce") };
}

const token = await ask();
const me = `${issuer}/scim/v2/Me`;
const headers = {
  Authorization: `${token.token_type} ${token.access_token}`,
  DPoP: proof("GET", me, token.nonce, token.access_token),
};
const answer = await fetch(me, { headers });
console.log(token.token_type, answer.status, (await answer.json()).id);
