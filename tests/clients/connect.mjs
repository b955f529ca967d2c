// Connects the official MCP SDK to the server under test, over stdio or HTTP, as its command line
// says:
//
//     node SCRIPT stdio PATH-OF-BINARY [FLAG…]     settings: the LOOKER_* variables of this process
//     node SCRIPT http URL [BEARER-TOKEN]

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

export function transportFor([kind, where, ...more]) {
    if (kind === "stdio") {
        const env = Object.fromEntries(
            Object.entries(process.env).filter(
                ([name]) => name.startsWith("LOOKER_") || name.endsWith("SAN_OPTIONS"),
            ),
        );
        env.PATH = process.env.PATH;
        return new StdioClientTransport({ command: where, args: more, env, stderr: "inherit" });
    }
    if (kind === "http") {
        const headers = more[0] ? { Authorization: `Bearer ${more[0]}` } : {};
        return new StreamableHTTPClientTransport(new URL(where), { requestInit: { headers } });
    }
    throw new Error(`say "stdio BINARY" or "http URL", not "${kind}"`);
}

export async function connect(words) {
    const client = new Client({ name: "looker-mcp-server-clients", version: "1.0.0" });
    await client.connect(transportFor(words));
    return client;
}

// With the SDK of the revisions with sessions ("stdio", "http") or that of 2026-07-28 ("modern", a URL),
// which needs Node.js 20: the client, and how its tools are called.
export async function connectEither(kind, where) {
    if (kind !== "modern") {
        const client = await connect([kind, where]);
        return { client, call: (params, options) => client.callTool(params, undefined, options) };
    }
    const modern = await import("@modelcontextprotocol/client");
    const client = new modern.Client(
        { name: "looker-mcp-server-clients", version: "1.0.0" },
        { versionNegotiation: { mode: { pin: "2026-07-28" } } },
    );
    await client.connect(new modern.StreamableHTTPClientTransport(new URL(where)));
    return { client, call: (params, options) => client.callTool(params, options) };
}

// The answer object of a tool call; throws when the tool says that it failed.
export async function answerOf(client, name, args) {
    const result = await client.callTool({ name, arguments: args });
    const text = result.content.map((item) => item.text ?? "").join("");
    if (result.isError) {
        throw new Error(`${name}: ${text}`);
    }
    return JSON.parse(text);
}

// What a client does with resources and prompts, whichever SDK it is: lists, reads, gets, completes.
export async function readAndComplete(client, complete) {
    const { resourceTemplates } = await client.listResourceTemplates();
    const { resources } = await client.listResources();
    const { contents } = await client.readResource({ uri: resources[0].uri });
    const { prompts } = await client.listPrompts();
    const { messages } = await client.getPrompt({
        name: "validate_pull_request",
        arguments: { project: "thelook", branch: "feature/returns" },
    });
    const explore = { type: "ref/resource", uri: "looker://models/{model}/explores/{explore}" };
    const { completion } = await complete(
        explore,
        { name: "explore", value: "order" },
        { model: "thelook" },
    );
    return {
        templates: resourceTemplates.map((template) => template.uriTemplate),
        first: resources[0].uri,
        explore: JSON.parse(contents[0].text).name,
        prompts: prompts.map((prompt) => prompt.name),
        text: messages[0].content.text,
        completed: completion.values,
    };
}
