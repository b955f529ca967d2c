// The official SDKs as a client that gives up when it hears nothing for a while, with a query that takes
// much longer: progress keeps it waiting until the rows are there. The second time it gives up. Prints one JSON line of findings; exit status 1 with a message when something is wrong.
//
//     node check_long.mjs stdio PATH-OF-BINARY PATIENCE-MS
//     node check_long.mjs modern URL PATIENCE-MS

import assert from "node:assert/strict";

import { connectEither } from "./connect.mjs";

const [kind, where, patience] = process.argv.slice(2);
const timeout = Number(patience);
const { client, call } = await connectEither(kind, where);
const query = {
    name: "query",
    arguments: {
        model: "thelook",
        view: "orders",
        fields: ["orders.status", "orders.count"],
        limit: 5,
    },
};
try {
    let told = 0;
    const began = Date.now();
    const result = await call(query, {
        onprogress: () => told++,
        timeout,
        resetTimeoutOnProgress: true,
    });
    const took = Date.now() - began;
    assert.ok(!result.isError, JSON.stringify(result).slice(0, 2000));
    await assert.rejects(call(query, { timeout }), /timed out/i);
    console.log(JSON.stringify({ told, took, rows: JSON.parse(result.content[0].text).items }));
} finally {
    await client.close();
}
