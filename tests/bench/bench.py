"""Measures a release build against the sandbox and prints one table. Started by tools/bench.sh.

The upstream request is the same nearly everywhere: GET /user of the sandbox, as the tool `whoami` makes
it. It is sent directly, through nginx (proxy_pass, one worker, kept-alive upstream connections, no
log), and as a tools/call through the server. CPU is the process's own, user and system, as the
kernel counts it; calls a second a core are calls divided by that, so that the load generator and
the sandbox, which share the machine, do not blur the comparison.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import many
from tokens import ALGORITHMS, Issuer

HERE = Path(__file__).parent
CREDENTIAL = "bench"
CLIENTS = (1, 32, 256)
POOL_CLIENTS = 32
STARTS = 100
TOKENS = 1000  # of each algorithm, each seen once
CALL = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "whoami", "arguments": {}},
    }
)
# Work for the server alone: a millisecond or two, and no request to Looker.
SEARCH = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "search_operations",
            "arguments": {"text": "create a filter of a dashboard element", "limit": 3},
        },
    }
)
HANDSHAKE = b"".join(
    json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
    for message in (
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list"},
    )
)


@dataclass
class Load:
    """What one run of wrk found."""

    calls: int
    seconds: float
    p50_us: int
    p99_us: int
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.calls / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_s * 1e6 / self.calls

    @property
    def rate_a_core(self) -> float:
        return self.calls / self.cpu_s


class Bench:
    def __init__(self, build: Path, seconds: int, folder: Path) -> None:
        self.server = build / "looker-mcp-server"
        self.sandbox = build / "looker-sandbox"
        self.seconds = seconds
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder)}

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        log = open(self.folder / f"{name}.log", "wb")  # noqa: SIM115: the child's
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        self.started.append(process)
        return process

    def wait_for(self, name: str, pattern: str) -> str:
        log = self.folder / f"{name}.log"
        for _ in range(100):
            match = re.search(pattern, log.read_text())
            if match:
                return match.group(1)
            time.sleep(0.05)
        sys.exit(f"bench: {name} did not start: {log.read_text()[-2000:]}")

    def stop(self) -> None:
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def start_sandbox(self) -> None:
        self.start(
            "sandbox", str(self.sandbox), "--port", "0", "--no-record",
            "--client-id", CREDENTIAL, "--client-secret", CREDENTIAL,
        )
        self.upstream = self.wait_for("sandbox", r'(http://[^\s/"]+)')
        self.env |= {
            "LOOKER_BASE_URL": self.upstream,
            "LOOKER_CLIENT_ID": CREDENTIAL,
            "LOOKER_CLIENT_SECRET": CREDENTIAL,
            "LOOKER_LOG_LEVEL": "WARNING",
        }
        self.token = self.login()

    def login(self) -> str:
        address = urllib.parse.urlsplit(self.upstream)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        form = urllib.parse.urlencode({"client_id": CREDENTIAL, "client_secret": CREDENTIAL})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/api/4.0/login", form, headers)
        return json.load(connection.getresponse())["access_token"]

    def start_server(
        self, name: str = "server", *flags: str
    ) -> tuple[subprocess.Popen[bytes], str]:
        """Without a log of its calls, as nginx."""
        port = free_port()
        process = self.start(
            name, str(self.server), "--transport", "streamable-http", "--port", str(port), *flags
        )
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return process, f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        sys.exit(f"bench: {name} did not start: " + (self.folder / f"{name}.log").read_text()[-2000:])

    def start_nginx(self) -> tuple[int, str]:
        """nginx in front of the sandbox: its worker's process id, its address."""
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        port = free_port()
        (self.folder / "nginx.conf").write_text(
            NGINX.format(folder=self.folder, upstream=self.upstream[7:], port=port)
        )
        master = self.start("nginx", program, "-p", str(self.folder), "-c", "nginx.conf")
        for _ in range(100):
            children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
            if children:
                return int(children[0]), f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        sys.exit("bench: nginx did not start: " + (self.folder / "nginx.log").read_text()[-2000:])

    def load(
        self, url: str, pid: int, clients: int, call: bool, token: str = "", body: str = CALL
    ) -> Load:
        env = {**self.env, **({"BENCH_BODY": body} if call else {"BENCH_TOKEN": self.token})}
        if token:
            env["BENCH_TOKEN"] = token
        command = ["wrk", "-t1", f"-c{clients}", "-s", str(HERE / "load.lua"), "--timeout", "10s"]
        # A first, short run opens the connections and fills the caches.
        subprocess.run([*command, "-d1s", url], env=env, check=True, capture_output=True)
        before = cpu_seconds(pid)
        result = subprocess.run(
            [*command, f"-d{self.seconds}s", url], env=env, check=True, capture_output=True, text=True
        )
        cpu_s = cpu_seconds(pid) - before
        match = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", result.stdout)
        if not match:
            sys.exit(f"bench: wrk said {result.stdout} {result.stderr}")
        calls, us, p50, p99, bad = (int(n) for n in match.groups())
        if bad or not calls:
            sys.exit(f"bench: {bad} of {calls} answers of {url} were wrong or missing")
        return Load(calls, us / 1e6, p50, p99, cpu_s)

    def cpu_us_a_call(self, pid: int, url: str, tokens: list[str]) -> float:
        """One call a token, one after another; microseconds of the server's CPU for each."""
        address = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        before = cpu_seconds(pid)
        for token in tokens:
            headers = {
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-11-25",
                "Authorization": f"Bearer {token}",
            }
            connection.request("POST", "/mcp", CALL, headers)
            answer = connection.getresponse()
            if answer.status != 200 or b'"isError":false' not in answer.read():
                sys.exit(f"bench: a verified call was answered {answer.status}")
        connection.close()
        return (cpu_seconds(pid) - before) * 1e6 / len(tokens)

    def measure_start(self) -> list[float]:
        """Milliseconds from before exec to the answer of tools/list, sorted."""
        return sorted(self.one_start() for _ in range(STARTS))

    def one_start(self) -> float:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(self.server)], cwd=self.folder, env=self.env, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        assert process.stdin and process.stdout
        process.stdin.write(HANDSHAKE)
        data = b""
        while data.count(b"\n") < 2:
            piece = os.read(process.stdout.fileno(), 1 << 20)
            if not piece:
                sys.exit(f"bench: the server ended without an answer: {data[:500]!r}")
            data += piece
        took = (time.perf_counter() - began) * 1e3
        assert b'"tools":[' in data
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
        return took


NGINX = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    keepalive_requests 1000000000;
    upstream looker {{
        server {upstream};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://looker;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def first_line(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True)
    return ((result.stdout or result.stderr).splitlines() or ["?"])[0]


def describe(server: Path) -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return "\n".join(
        (
            f"machine   {cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} cores, shared"
            " by load generator, server and sandbox",
            f"system    {system.group(1) if system else '?'}, Linux {platform.release()}",
            f"programs  {first_line(str(server), '--version')}; "
            f"{first_line(shutil.which('nginx') or '/usr/sbin/nginx', '-v').split(': ')[-1]}; "
            + first_line("wrk", "-v").split(" [")[0],
        )
    )


def counted(clients: int) -> str:
    return f"{clients} client" + ("" if clients == 1 else "s")


def row(name: str, load: Load) -> str:
    return (
        f"{name:<28} {load.rate:>9,.0f} {load.cpu_us:>9.1f} {load.rate_a_core:>12,.0f}"
        f" {load.p50_us / 1e3:>8.2f} {load.p99_us / 1e3:>8.2f}"
    )


def verdict(what: str, value: str, aim: str, met: bool) -> None:
    print(f"{what:<52} {value:>10}   aim {aim:<8} {'met' if met else 'NOT MET'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="looker-bench-") as folder:
        bench = Bench(options.build.resolve(), options.seconds, Path(folder))
        try:
            measure(bench)
        finally:
            bench.stop()


def measure_without_pool(bench: Bench) -> Load:
    """Each call logs in and out: three upstream requests instead of one."""
    print("==> load without a session pool", file=sys.stderr)
    server, url = bench.start_server("unpooled", "--no-session-pool")
    return bench.load(f"{url}/mcp", server.pid, POOL_CLIENTS, True)


@dataclass
class Verified:
    """Mode public: what a caller's token costs when it is seen first, and afterwards."""

    repeated: Load
    first_us: dict[str, float]  # CPU a call, by algorithm
    again_us: float  # the same calls with one token


def measure_verified(bench: Bench) -> Verified:
    print("==> verified callers", file=sys.stderr)
    issuer = Issuer(bench.folder)
    tokens = {alg: [issuer.token(alg, n) for n in range(TOKENS)] for alg in ALGORITHMS}
    bench.env |= issuer.settings()
    server, url = bench.start_server("public")
    known = issuer.token("RS256", TOKENS)
    repeated = bench.load(f"{url}/mcp", server.pid, POOL_CLIENTS, True, known)
    first = {alg: bench.cpu_us_a_call(server.pid, url, tokens[alg]) for alg in ALGORITHMS}
    return Verified(repeated, first, bench.cpu_us_a_call(server.pid, url, [known] * TOKENS))


def measure_threads(bench: Bench) -> dict[int, Load]:
    print("==> one thread and two", file=sys.stderr)
    loads = {}
    for n in (1, 2):
        server, url = bench.start_server(f"threads{n}", "--threads", str(n), "--groups", "api")
        loads[n] = bench.load(f"{url}/mcp", server.pid, POOL_CLIENTS, True, body=SEARCH)
    return loads


def measure(bench: Bench) -> None:
    bench.start_sandbox()
    print(f"==> {STARTS} starts on stdio", file=sys.stderr)
    starts = bench.measure_start()
    server, url = bench.start_server("server", "--threads", "1")  # as nginx
    time.sleep(0.5)
    idle = resident_mb(server.pid)
    worker, proxy = bench.start_nginx()
    sandbox = bench.started[0].pid
    direct, through, calls = {}, {}, {}
    for clients in CLIENTS:
        print(f"==> load of {counted(clients)}", file=sys.stderr)
        direct[clients] = bench.load(f"{bench.upstream}/api/4.0/user", sandbox, clients, False)
        through[clients] = bench.load(f"{proxy}/api/4.0/user", worker, clients, False)
        calls[clients] = bench.load(f"{url}/mcp", server.pid, clients, True)
    loaded = resident_mb(server.pid)
    unpooled = measure_without_pool(bench)
    threads = measure_threads(bench)
    crowd = many.measure(bench)
    verified = measure_verified(bench)

    print(describe(bench.server))
    print(f"load      {bench.seconds} s a line; one upstream request a call (GET /user)\n")
    print(f"{'':<28} {'calls/s':>9} {'CPU us':>9} {'calls/s':>12} {'p50':>8} {'p99':>8}")
    print(f"{'':<28} {'':>9} {'a call':>9} {'a core':>12} {'ms':>8} {'ms':>8}")
    for clients in CLIENTS:
        print(row(f"tools/call, {counted(clients)}", calls[clients]))
    print(row(f"no session pool, {counted(POOL_CLIENTS)}", unpooled))
    for n, load in threads.items():
        print(row(f"search_operations, {n} thread" + "s" * (n > 1), load))
    print(row(f"mode public, {counted(POOL_CLIENTS)}", verified.repeated))
    for clients in CLIENTS:
        print(row(f"nginx proxy, {counted(clients)}", through[clients]))
    for clients in CLIENTS:
        print(row(f"sandbox itself, {counted(clients)}", direct[clients]))
    median, p95 = statistics.median(starts), starts[len(starts) * 95 // 100]
    ratio = calls[32].rate_a_core / through[32].rate_a_core
    added = (calls[1].p50_us - direct[1].p50_us) / 1e3
    nginx_added = (through[1].p50_us - direct[1].p50_us) / 1e3
    print()
    verdict(f"exec to tools/list, median of {STARTS} (p95 {p95:.1f})", f"{median:.1f} ms", "< 15 ms", median < 15)
    verdict(f"idle memory, RSS (after the load {loaded:.1f})", f"{idle:.1f} MB", "< 12 MB", idle < 12)
    verdict("calls/s a core as a share of nginx's, 32 clients", f"{ratio:.2f}", ">= 0.33", ratio >= 1 / 3)
    verdict(
        f"calls in flight at once, each {many.UPSTREAM_MS / 1000:g} s: answered within {crowd.seconds:.1f} s",
        f"{crowd.answered:,}", f"{many.CALLS:,}", crowd.answered == many.CALLS,
    )  # fmt: skip
    verdict(
        f"their memory, peak RSS ({crowd.connections:,} clients, {crowd.in_flight:,} seen)",
        f"{crowd.peak_mb:.0f} MB", "< 400 MB", crowd.peak_mb < 400,
    )  # fmt: skip
    # The load generator has the same two cores; what is the server's own is the CPU of a call.
    gain = threads[2].rate / threads[1].rate
    what = f"calls/s of two threads, times one (CPU a call, times {threads[2].cpu_us / threads[1].cpu_us:.2f})"
    verdict(what, f"{gain:.2f}", ">= 1.8", gain >= 1.8)
    pool = calls[POOL_CLIENTS].rate / unpooled.rate
    print(f"{'calls/s with the session pool, times those without':<52} {pool:>10.1f}")
    for alg, us in verified.first_us.items():
        first = us - verified.again_us
        what = f"CPU of a token that is seen first, {alg} (so many a second)"
        print(f"{what:<52} {first:>7.0f} us ({1e6 / first:,.0f})" if first > 0 else f"{what:<52}  too little to tell")
    what = f"latency added to a direct request (nginx adds {nginx_added:.2f})"
    print(f"{what:<52} {added:>7.2f} ms")


if __name__ == "__main__":
    main()
