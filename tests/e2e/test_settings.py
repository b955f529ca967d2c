"""Settings: where they come from, which wins, and what a wrong one is answered with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness.mcp import settings_for
from harness.process import ROOT, run
from harness.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox

FLAG, VARIABLE, ENV_FILE, INI, SDK = (f"https://{x}.example.com" for x in "abcde")


def base_url(folder: Path, *flags: str, **env: str) -> str:
    """The Looker address that the server settles on, as --check prints it."""
    result = run(["--check", "--timeout", "0.1", *flags], folder, env)
    assert result.returncode in (0, 1), result.stderr
    match = re.search(r"LOOKER_BASE_URL=(\S+)", result.stdout)
    assert match, result.stdout
    return match.group(1)


def test_flags_beat_environment_beats_env_file_beats_ini(tmp_path: Path) -> None:
    ini = f"[Looker]\nbase_url={INI}\nclient_id=i\nclient_secret=s\n"
    (tmp_path / "looker.ini").write_text(ini)
    assert base_url(tmp_path) == INI
    assert base_url(tmp_path, LOOKERSDK_BASE_URL=SDK) == SDK
    (tmp_path / ".env").write_text(f'# a comment\nexport LOOKER_BASE_URL="{ENV_FILE}"\n')
    assert base_url(tmp_path, LOOKERSDK_BASE_URL=SDK) == ENV_FILE
    assert base_url(tmp_path, LOOKER_BASE_URL=VARIABLE) == VARIABLE
    assert base_url(tmp_path, "--base-url", FLAG, LOOKER_BASE_URL=VARIABLE) == FLAG
    assert base_url(tmp_path, f"--base-url={FLAG}", LOOKER_BASE_URL=VARIABLE) == FLAG


def test_an_env_file_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(f"LOOKER_BASE_URL='{ENV_FILE}'\n")
    assert base_url(tmp_path, "--env-file", "mine") == ENV_FILE
    result = run(["--check", "--env-file", "not-there"], tmp_path)
    assert result.returncode == 2 and "not-there" in result.stderr


def test_credentials_of_the_sdk_are_enough(tmp_path: Path, looker: Sandbox) -> None:
    env = {
        "LOOKERSDK_BASE_URL": looker.url,
        "LOOKERSDK_CLIENT_ID": CLIENT_ID,
        "LOOKERSDK_CLIENT_SECRET": CLIENT_SECRET,
    }
    assert run(["--check"], tmp_path, env).returncode == 0


def test_the_secret_can_come_from_a_file(tmp_path: Path, looker: Sandbox) -> None:
    (tmp_path / "secret").write_text(CLIENT_SECRET + "\n")
    env = settings_for(looker)
    del env["LOOKER_CLIENT_SECRET"]
    env["LOOKER_CLIENT_SECRET_FILE"] = str(tmp_path / "secret")
    assert run(["--check"], tmp_path, env).returncode == 0
    both = run(["--check"], tmp_path, {**env, "LOOKER_CLIENT_SECRET": "x"})
    assert both.returncode == 2 and "LOOKER_CLIENT_SECRET_FILE" in both.stderr


GOOD = {"LOOKER_BASE_URL": "https://looker.example.com"}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, ["LOOKER_BASE_URL"]),
        ({"LOOKER_BASE_URL": "looker.example.com"}, ["LOOKER_BASE_URL", "https://"]),
        ({"LOOKER_BASE_URL": "ftp://x"}, ["LOOKER_BASE_URL"]),
        ({**GOOD, "LOOKER_BASE_ULR": "x"}, ["LOOKER_BASE_ULR", "LOOKER_BASE_URL"]),
        ({**GOOD, "LOOKER_TIMOUT": "5"}, ["LOOKER_TIMOUT", "LOOKER_TIMEOUT"]),
        ({**GOOD, "LOOKER_TIMEOUT": "soon"}, ["LOOKER_TIMEOUT", "seconds", "soon"]),
        ({**GOOD, "LOOKER_TIMEOUT": "-1"}, ["LOOKER_TIMEOUT"]),
        ({**GOOD, "LOOKER_PORT": "65536"}, ["LOOKER_PORT", "65535"]),
        ({**GOOD, "LOOKER_PORT": "http"}, ["LOOKER_PORT"]),
        ({**GOOD, "LOOKER_TRANSPORT": "sse"}, ["LOOKER_TRANSPORT", "stdio", "streamable-http"]),
        ({**GOOD, "LOOKER_VERIFY_SSL": "maybe"}, ["LOOKER_VERIFY_SSL", "true"]),
        ({**GOOD, "LOOKER_LOG_LEVEL": "LOUD"}, ["LOOKER_LOG_LEVEL", "DEBUG"]),
        ({**GOOD, "LOOKER_CLIENT_ID": "x"}, ["LOOKER_CLIENT_SECRET"]),
        ({**GOOD, "LOOKER_CLIENT_SECRET": "x"}, ["LOOKER_CLIENT_ID"]),
        ({**GOOD, "LOOKER_CA_FILE": "/not/there"}, ["LOOKER_CA_FILE", "/not/there"]),
        ({**GOOD, "LOOKER_MCP_MODE": "public"}, ["LOOKER_MCP_MODE"]),
        ({**GOOD, "LOOKER_GROUPS": "explore,quary"}, ["quary", "query"]),
        ({**GOOD, "LOOKER_ALLOWED_ORIGINS": "*"}, ["LOOKER_ALLOWED_ORIGINS", "https://"]),
        ({**GOOD, "LOOKER_ALLOWED_HOSTS": "http://a"}, ["LOOKER_ALLOWED_HOSTS", "host names"]),
        ({**GOOD, "LOOKER_MCP_AUTH_TOKEN": ""}, ["LOOKER_MCP_AUTH_TOKEN", "set but empty"]),
        ({"LOOKER_URL": "https://x.example.com"}, ["LOOKER_URL", "LOOKER_BASE_URL"]),
        ({**GOOD, "LOOKER_API_VERSION": "3.1"}, ["LOOKER_API_VERSION", "4.0"]),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, env: dict[str, str], said: list[str]) -> None:
    result = run([], tmp_path, env)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("looker-mcp-server: ")
    assert all(word in result.stderr for word in said), result.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--prot", "80"], ["--prot", "--port"]),
        (["--port"], ["--port", "value"]),
        (["--port=x"], ["LOOKER_PORT"]),
        (["--sideways"], ["--sideways"]),
        (["--verify-ssl", "perhaps"], ["perhaps"]),
        (["--no-port"], ["--no-port"]),
        (["serve"], ["serve"]),
        (["call"], ["call", "tool"]),
        (["call", "whoami", "{}", "more"], ["more"]),
    ],
)
def test_wrong_usage(tmp_path: Path, flags: list[str], said: list[str]) -> None:
    result = run(flags, tmp_path, GOOD)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert all(word in result.stderr for word in said), result.stderr


def test_secrets_have_no_flag(tmp_path: Path) -> None:
    for flag in ("--client-secret", "--mcp-auth-token"):
        assert run([flag, "x"], tmp_path, GOOD).returncode == 2


@pytest.mark.parametrize("text", ["LOOKER_BASE_URL", "LOOKER_BASE_URL='x"])
def test_a_malformed_env_file_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text(f"# first\n{text}\n")
    result = run(["--check"], tmp_path, GOOD)
    assert result.returncode == 2
    assert ".env" in result.stderr and "2" in result.stderr


def test_an_env_file_of_other_programs_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("words\n=x\nKEY='one\nLOOKER_PORT=no number\ntwo'\n")
    assert run(["--list-tools"], tmp_path, GOOD).returncode == 0


def test_an_env_file_found_by_chance_cannot_weaken_tls(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LOOKER_VERIFY_SSL=false\n")
    env = {**GOOD, "LOOKER_CLIENT_ID": "i", "LOOKER_CLIENT_SECRET": "s"}
    refused = run(["--list-tools"], tmp_path, env)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    for word in ("LOOKER_VERIFY_SSL", ".env line 1", "--env-file"):
        assert word in refused.stderr, refused.stderr
    for path in (".env", "/dev/null"):
        assert run(["--list-tools", "--env-file", path], tmp_path, env).returncode == 0


def test_service_links_of_kubernetes_are_no_settings(tmp_path: Path, looker: Sandbox) -> None:
    env = settings_for(looker)
    env["LOOKER_PORT"] = "tcp://10.0.0.1:80"
    env["LOOKER_PORT_80_TCP_ADDR"] = "10.0.0.1"
    env["LOOKER_SERVICE_HOST"] = "10.0.0.1"
    assert run(["--check"], tmp_path, env).returncode == 0


def settings_of_help(folder: Path) -> dict[str, tuple[str | None, str | None]]:
    """variable: (flag, default), as --help prints them."""
    text = run(["--help"], folder).stdout
    found = {}
    for flag, variable, rest in re.findall(
        r"^  (\S+|  \(no flag\)) +(LOOKER_\w+)\n +(.*)$", text, re.MULTILINE
    ):
        default = re.search(r"\(default: ([^)]*)\)", rest)
        found[variable] = (
            flag if flag.startswith("--") else None,
            default.group(1) if default else None,
        )
    return found


def test_readme_has_every_setting(tmp_path: Path) -> None:
    """The README's table and --help say the same: variables, flags, defaults."""
    rows = {}
    for line in (ROOT / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        match = re.fullmatch(r"`(LOOKER_\w+)`", cells[0]) if len(cells) >= 4 else None
        if match:
            flag = re.fullmatch(r"`(--[\w-]+)`", cells[1])
            default = cells[2].strip("`") or None
            rows[match.group(1)] = (flag.group(1) if flag else None, default)
    assert rows == settings_of_help(tmp_path)


def test_every_kind_of_true_and_false(tmp_path: Path) -> None:
    for text in ("true", "TRUE", "1", "yes", "on", "false", "0", "no", "off"):
        result = run(["--list-tools"], tmp_path, {**GOOD, "LOOKER_VERIFY_SSL": text})
        assert result.returncode == 0, text
