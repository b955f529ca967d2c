// The official SDKs as a client that waits: progress while a Look is rendered, then its picture.
// Prints one JSON line of findings; exit status 1 with a message when something is wrong.
//
//     node check_progress.mjs stdio PATH-OF-BINARY        the SDK of the revisions with sessions
//     node check_progress.mjs http URL
//     node check_progress.mjs modern URL                  the SDK of 2026-07-28, which needs Node.js 20

import assert from "node:assert/strict";

import { connectEither } from "./connect.mjs";

const [kind, where] = process.argv.slice(2);
const { client, call } = await connectEither(kind, where);
try {
    const progress = [];
    const result = await call(
        { name: "render_look", arguments: { look_id: "1", width: 320, height: 200 } },
        // Without progress that arrives in time the SDK would give up.
        {
            onprogress: (notification) => progress.push(notification),
            timeout: 2800,
            resetTimeoutOnProgress: true,
        },
    );
    assert.ok(!result.isError, JSON.stringify(result).slice(0, 2000));
    const picture = result.content.find((item) => item.type === "image");
    const bytes = Buffer.from(picture.data, "base64");
    console.log(
        JSON.stringify({
            progress,
            mimeType: picture.mimeType,
            signature: bytes.subarray(0, 8).toString("latin1"),
            bytes: bytes.length,
            answer: JSON.parse(result.content[0].text),
        }),
    );
} finally {
    await client.close();
}
