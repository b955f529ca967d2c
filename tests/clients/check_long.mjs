// The official SDKs as a client that gives up after a while, with a query that takes much longer. Three
// times: progress does not prolong its wait, and it gets the rows by the handle; progress does, and it
// asks to be waited for; it asks for that and gives up. Prints one JSON line of findings; exit status 1
// with a message when something is wrong.
//
//     node check_long.mjs stdio PATH-OF-BINARY PATIENCE-MS
//     node check_long.mjs modern URL PATIENCE-MS

import assert from "node:assert/strict";

import { connectEither } from "./connect.mjs";

const [kind, where, patience] = process.argv.slice(2);
const timeout = Number(patience);
const { client, call } = await connectEither(kind, where);
let told = 0;
const onprogress = () => told++;

function query(more) {
    const fields = ["orders.status", "orders.count"];
    return { name: "query", arguments: { model: "thelook", view: "orders", fields, limit: 5, ...more } };
}

function answerOf(result) {
    assert.ok(!result.isError, JSON.stringify(result).slice(0, 2000));
    return JSON.parse(result.content[0].text);
}

async function byHandle() {
    let answer = answerOf(await call(query({}), { timeout, onprogress }));
    let redeemed = 0;
    while (answer.query_task_id) {
        const redeem = { name: "get_query_result", arguments: { query_task_id: answer.query_task_id } };
        answer = answerOf(await call(redeem, { timeout, onprogress }));
        redeemed++;
    }
    return { rows: answer.items, redeemed };
}

async function timed(work) {
    const began = Date.now();
    const found = await work();
    return { ...found, took: Date.now() - began };
}

async function inOneCall() {
    const options = { timeout, onprogress, resetTimeoutOnProgress: true };
    return { rows: answerOf(await call(query({ max_wait_seconds: 60 }), options)).items };
}

try {
    const handle = await timed(byHandle);
    told = 0;
    const one = await timed(inOneCall);
    const whileOne = told;
    await assert.rejects(call(query({ max_wait_seconds: 60 }), { timeout }), /timed out/i);
    console.log(JSON.stringify({ handle, one, told: whileOne }));
} finally {
    await client.close();
}
