// The official MCP SDK as a test: it validates every message that it receives against its own
// schemas. Prints one JSON line of findings; exit status 1 with a message when something is wrong.
// Usage: see connect.mjs.

import assert from "node:assert/strict";

import { answerOf, connect, readAndComplete } from "./connect.mjs";

const client = await connect(process.argv.slice(2));
try {
    assert.equal(client.getServerVersion().name, "looker-mcp-server");
    assert.ok(client.getServerCapabilities().tools);
    assert.ok(client.getInstructions().length > 0);
    await client.ping();

    const { tools, nextCursor } = await client.listTools();
    assert.equal(nextCursor, undefined);

    const me = await answerOf(client, "whoami", {});
    const query = {
        model: "thelook",
        view: "orders",
        fields: ["orders.status", "orders.count"],
        limit: 5,
    };
    const { items: rows } = await answerOf(client, "query", query);
    const many = await Promise.all(
        Array.from({ length: 20 }, () => answerOf(client, "query", query)),
    );
    many.forEach((answer) => assert.deepEqual(answer.items, rows));

    const bad = await client.callTool({ name: "query", arguments: { ...query, limit: "five" } });
    assert.equal(bad.isError, true);
    await assert.rejects(client.callTool({ name: "no_such_tool", arguments: {} }), /no_such_tool/);

    const offered = await readAndComplete(client, (ref, argument, known) =>
        client.complete({ ref, argument, context: { arguments: known } }),
    );
    console.log(JSON.stringify({ offered, tools: tools.map((tool) => tool.name), me, rows }));
} finally {
    await client.close();
}
