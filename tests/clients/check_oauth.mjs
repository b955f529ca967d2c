// The official MCP SDK finds its own way in: refused without a token, it reads the server's metadata,
// registers at the authorization server, sends its user there and comes back with a token. The
// user is played here too, as a browser would. Prints one JSON line of findings.
//
//     NODE_EXTRA_CA_CERTS=CERT node check_oauth.mjs URL USER

import assert from "node:assert/strict";

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { answerOf } from "./connect.mjs";

const [where, user] = process.argv.slice(2);
const REDIRECT = "https://client.example.com/callback";

// Node.js 18 of Debian 12 has no getSetCookie; no value of these cookies has a comma before a name.
function cookiesOf({ headers }) {
    return headers.getSetCookie?.() ?? headers.get("set-cookie")?.split(/,\s*(?=[^;,=\s]+=)/) ?? [];
}

// Follows redirects with a jar of cookies and fills in the forms, until it is sent to REDIRECT.
async function browse(url) {
    const jar = new Map();
    let form;
    for (let step = 0; step < 20; step++) {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
        const response = await fetch(url, {
            method: form ? "POST" : "GET",
            body: form,
            headers: { cookie },
            redirect: "manual",
        });
        form = undefined;
        for (const line of cookiesOf(response)) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
            value ? jar.set(name, value) : jar.delete(name);
        }
        const location = response.headers.get("location");
        if (location) {
            url = new URL(location, url);
            if (url.href.startsWith(REDIRECT)) return url;
            continue;
        }
        const page = await response.text();
        assert.equal(response.status, 200, `${url}: ${page.slice(0, 2000)}`);
        const prompt = /name="prompt" value="([a-z]+)"/.exec(page)[1];
        form = new URLSearchParams({ prompt, login: user, password: "any" });
    }
    throw new Error("the way to a token does not end");
}

const kept = {};
const provider = {
    redirectUrl: REDIRECT,
    clientMetadata: {
        client_name: "check_oauth",
        redirect_uris: [REDIRECT],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
    },
    clientInformation: () => kept.client,
    saveClientInformation: (client) => (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => (kept.tokens = tokens),
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: (verifier) => (kept.verifier = verifier),
    redirectToAuthorization: (url) => (kept.authorization = url),
};

const open = () => new StreamableHTTPClientTransport(new URL(where), { authProvider: provider });
const client = () => new Client({ name: "check_oauth", version: "1.0.0" });

const first = open();
await assert.rejects(client().connect(first), UnauthorizedError);
const back = await browse(kept.authorization);
await first.finishAuth(back.searchParams.get("code"));

const connected = client();
await connected.connect(open());
const me = await answerOf(connected, "whoami", {});
await connected.close();
const { searchParams: asked } = kept.authorization;
console.log(
    JSON.stringify({ me, resource: asked.get("resource"), scope: asked.get("scope") }),
);
