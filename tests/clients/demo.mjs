// The demonstration of tools/demo.sh: what an assistant does with the server, done by the official
// MCP SDK. Lists the tools, runs one query, prints its rows as a table. Usage: see connect.mjs.

import { answerOf, connect } from "./connect.mjs";

const QUERY = {
    model: "thelook",
    view: "order_items",
    fields: [
        "orders.created_month",
        "products.category",
        "order_items.count",
        "order_items.total_sale_price",
    ],
    limit: 8,
};

function printTable(rows, columns) {
    const cells = [columns, ...rows.map((row) => columns.map((name) => String(row[name] ?? "")))];
    const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
    const isNumber = columns.map((name) => rows.every((row) => typeof row[name] === "number"));
    const print = (line) =>
        console.log(
            "  " +
                line
                    .map((cell, i) =>
                        isNumber[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]),
                    )
                    .join("  "),
        );
    print(cells[0]);
    print(widths.map((width) => "-".repeat(width)));
    cells.slice(1).forEach(print);
}

const client = await connect(process.argv.slice(2));
try {
    const { name, version } = client.getServerVersion();
    const { tools } = await client.listTools();
    console.log(`  connected to ${name} ${version}, ${tools.length} tools:`);
    for (let i = 0; i < tools.length; i += 6) {
        const line = tools.slice(i, i + 6).map((tool) => tool.name);
        console.log(`    ${line.join(", ")}`);
    }
    const answer = await answerOf(client, "query", QUERY);
    console.log(`  query ${QUERY.model}/${QUERY.view}, ${answer.items.length} rows:`);
    console.log("  (made up by the sandbox: a group may come twice, and the order is arbitrary)");
    printTable(answer.items, QUERY.fields);
} finally {
    await client.close();
}
