// A real authorization server for the end-to-end tests: oidc-provider over HTTPS on loopback, which
// issues JWT access tokens that are bound to the resource they were asked for.
//
//     node server.mjs CERT KEY     prints {"issuer": "https://127.0.0.1:PORT"} when it listens
//
// Clients: "ada", "grace" … (RS256) and "ada-es" … (ES256), by the client credentials grant with the
// secret "secret"; the claim `email` of their tokens is NAME@example.com. Users of the
// authorization code grant log in by the same names. Beside it, under /_test, what no real server
// has: keys that change, a JWK Set that cannot be had, tokens that are wrong in a chosen way, and a
// gateway that speaks TLS in front of a server that does not.

import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";

import Provider from "oidc-provider";

const [certFile, keyFile] = process.argv.slice(2);
const tls = { cert: fs.readFileSync(certFile), key: fs.readFileSync(keyFile) };

// ---- keys ----

const KINDS = {
    RS256: ["rsa", { modulusLength: 2048 }],
    ES256: ["ec", { namedCurve: "P-256" }],
};
let serial = 0;

function newKey(alg, named = true) {
    const { privateKey } = crypto.generateKeyPairSync(...KINDS[alg]);
    const kid = `${alg.toLowerCase()}-${++serial}`;
    return { ...privateKey.export({ format: "jwk" }), alg, use: "sig", ...(named ? { kid } : {}) };
}

let keys = [newKey("RS256"), newKey("ES256")];
const strangers = { RS256: newKey("RS256"), ES256: newKey("ES256") }; // of nobody

// ---- the provider ----

let issuer;
let handle;

const names = ["ada", "grace", "alan"];
const clients = names.flatMap((name) =>
    [name, `${name}-es`].map((client_id) => ({
        client_id,
        client_secret: "secret",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
    })),
);

function resourceServer(ctx, resource, client) {
    return {
        audience: resource,
        scope: "email looker:act_as",
        accessTokenFormat: "jwt",
        accessTokenTTL: 600,
        jwt: { sign: { alg: client.clientId.endsWith("-es") ? "ES256" : "RS256" } },
    };
}

function makeProvider() {
    const provider = new Provider(issuer, {
        clients,
        jwks: { keys },
        cookies: { keys: ["only-for-tests"] },
        scopes: ["openid", "offline_access", "email", "looker:act_as"],
        extraTokenClaims(ctx, token) {
            const who = token.accountId ?? token.clientId.replace(/-es$/, "");
            return { email: `${who}@example.com` };
        },
        features: {
            clientCredentials: { enabled: true },
            registration: { enabled: true },
            resourceIndicators: {
                enabled: true,
                defaultResource: () => undefined,
                useGrantedResource: () => true,
                getResourceServerInfo: resourceServer,
            },
        },
        clientBasedCORS: () => true,
        ttl: { Session: 600, Grant: 600, Interaction: 600, IdToken: 600 },
    });
    handle = provider.callback();
}

// ---- /_test ----

let jwks = { fetched: 0, fail: false, delay: 0 };
const gateways = new Map();

function signature(alg, input, key) {
    const data = Buffer.from(input);
    const privateKey = (jwk) => crypto.createPrivateKey({ key: jwk, format: "jwk" });
    if (alg === "RS256") return crypto.sign("sha256", data, privateKey(key));
    if (alg === "ES256")
        return crypto.sign("sha256", data, { key: privateKey(key), dsaEncoding: "ieee-p1363" });
    if (alg === "HS256") {
        // The mistake of CVE-2015-9235: the public key taken for a shared secret.
        const pem = crypto.createPublicKey({ key, format: "jwk" });
        return crypto
            .createHmac("sha256", pem.export({ type: "spki", format: "pem" }))
            .update(data)
            .digest();
    }
    return Buffer.alloc(0);
}

const find = (alg) => keys.find((key) => key.alg === alg);

// header and claims are texts, so that they can be wrong JSON as well.
function sign({ header, claims, alg, key, stranger }) {
    const part = (text) => Buffer.from(text).toString("base64url");
    const input = `${part(header)}.${part(claims)}`;
    const jwk = stranger ? strangers[key] : find(key);
    return `${input}.${signature(alg, input, jwk).toString("base64url")}`;
}

async function listen(server) {
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return server.address().port;
}

async function openGateway() {
    const server = https.createServer(tls, (request, response) => {
        const target = new URL(gateways.get(server.address().port));
        const onward = http.request(
            {
                host: target.hostname,
                port: target.port,
                method: request.method,
                path: request.url,
                headers: request.headers,
            },
            (answer) => {
                response.writeHead(answer.statusCode, answer.headers);
                answer.pipe(response);
            },
        );
        onward.on("error", () => response.destroy());
        request.pipe(onward);
    });
    return listen(server);
}

const tests = {
    kids: () => ({ RS256: find("RS256").kid, ES256: find("ES256").kid }),
    sign: (body) => ({ token: sign(body) }),
    jwks: (body) => {
        jwks = { ...jwks, ...body };
        return jwks;
    },
    rotate: ({ forget }) => {
        keys = [newKey("RS256"), newKey("ES256"), ...(forget ? [] : keys)];
        makeProvider();
        return {};
    },
    gateway: async ({ port, target }) => {
        if (port === undefined) port = await openGateway();
        gateways.set(port, target);
        return { port };
    },
};

async function answerTest(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const test = tests[request.url.split("/")[2]];
    const body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(await test(body)));
}

async function onRequest(request, response) {
    if (request.url.startsWith("/_test/")) {
        await answerTest(request, response);
        return;
    }
    if (request.url === "/jwks") {
        jwks.fetched++;
        await new Promise((done) => setTimeout(done, jwks.delay));
        if (jwks.fail) {
            response.writeHead(503).end("not now");
            return;
        }
    }
    handle(request, response);
}

const server = https.createServer(tls, onRequest);
const port = await listen(server);
issuer = `https://127.0.0.1:${port}`;
makeProvider();
process.on("SIGTERM", () => process.exit(0));
console.log(JSON.stringify({ issuer }));
