// The MCP SDK that speaks the stateless revision (2026-07-28), pinned to it, as a test like
// check.mjs. Needs Node.js 20. Usage: see connect.mjs; no bearer token here.

import assert from "node:assert/strict";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { readAndComplete } from "./connect.mjs";

const REVISION = "2026-07-28";
const [kind, where] = process.argv.slice(2);
const transport =
    kind === "http"
        ? new StreamableHTTPClientTransport(new URL(where))
        : new StdioClientTransport({ command: where, env: process.env, stderr: "inherit" });

const client = new Client(
    { name: "looker-mcp-server-clients", version: "1.0.0" },
    { versionNegotiation: { mode: { pin: REVISION } } },
);
await client.connect(transport);
try {
    const { tools } = await client.listTools();
    const me = await client.callTool({ name: "whoami", arguments: {} });
    assert.ok(!me.isError);
    const query = {
        model: "thelook",
        view: "orders",
        fields: ["orders.status", "orders.count"],
        limit: 5,
    };
    const result = await client.callTool({ name: "query", arguments: query });
    const { items: rows } = JSON.parse(result.content[0].text);
    const bad = await client.callTool({ name: "query", arguments: { ...query, limit: "five" } });
    assert.equal(bad.isError, true);
    await assert.rejects(client.callTool({ name: "no_such_tool", arguments: {} }), /no_such_tool/);
    const offered = await readAndComplete(client, (ref, argument, known) =>
        client.complete({ ref, argument, context: { arguments: known } }),
    );
    console.log(
        JSON.stringify({
            offered,
            tools: tools.map((tool) => tool.name),
            me: JSON.parse(me.content[0].text),
            rows,
            revision: client.getNegotiatedProtocolVersion?.() ?? REVISION,
        }),
    );
} finally {
    await client.close();
}
