-- What wrk sends, from the environment, and what it found, as one line for bench.py.
--   BENCH_BODY    POST this JSON-RPC message (a tools/call); unset: GET
--   BENCH_TOKEN   send this bearer token

local body = os.getenv("BENCH_BODY")
local token = os.getenv("BENCH_TOKEN")

if body then
    wrk.method = "POST"
    wrk.body = body
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Accept"] = "application/json, text/event-stream"
    wrk.headers["MCP-Protocol-Version"] = "2025-11-25"
end
if token then
    wrk.headers["Authorization"] = "Bearer " .. token
end

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init()
    bad = 0
    seen = 0
end

-- Every answer's status is looked at, and the body of one in a hundred: looking costs time too.
function response(status, headers, answer)
    seen = seen + 1
    if status ~= 200 then
        bad = bad + 1
    elseif body and seen % 100 == 1 and
        (string.find(answer, '"isError":true', 1, true) or string.find(answer, '"error":{', 1, true)) then
        bad = bad + 1
    end
end

function done(summary, latency)
    local wrong = 0
    for _, thread in ipairs(threads) do
        wrong = wrong + thread:get("bad")
    end
    local errors = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        wrong + errors.connect + errors.read + errors.write + errors.timeout))
end
