"""API keys, second factors and logins through other systems."""

from __future__ import annotations

from typing import Any

from harness.cases import Case, Got

ADA = {"user_id": "2"}
SERVICE = {"user_id": "1"}
NOBODY = {"user_id": "9"}
KEYS = {**ADA, "credentials_api3_id": "21"}


def has(**wanted: Any) -> Any:
    def check(got: Got) -> None:
        assert {name: got.answer[name] for name in wanted} == wanted

    return check


def fails(*words: str) -> Any:
    def check(got: Got) -> None:
        for word in words:
            assert word in got.answer["error"], got.answer

    return check


def keys(*wanted: str) -> Any:
    def check(got: Got) -> None:
        assert [k["id"] for k in got.items] == list(wanted)
        assert "secret" not in str(got.answer)

    return check


def hands_out_the_secret(got: Got) -> None:
    assert got.answer["client_secret"] == "one-time-sandbox-secret" and got.answer["client_id"]


def makes_a_second_factor(got: Got) -> None:
    assert not got.sent("create_user_credentials_totp")["body"] and got.answer["verified"] is False


CASES = [
    Case("list_credentials_api3", ADA, keys("21", "22")),
    Case("list_credentials_api3", NOBODY, keys()),
    Case("create_credentials_api3", ADA, hands_out_the_secret),
    Case(
        "list_credentials_api3",
        ADA,
        lambda got: keys("21", "22", got.before[0]["id"])(got),
        before=[("create_credentials_api3", ADA)],
    ),
    Case("get_credentials_api3", KEYS, has(id="21", purpose="nightly export")),
    Case("get_credentials_api3", {**KEYS, "credentials_api3_id": 1}, fails("list_credentials_api3"), fails=True),
    Case("update_credentials_api3", KEYS, has(purpose="nightly export")),
    Case("update_credentials_api3", {**KEYS, "purpose": "none"}, has(purpose="none", client_id="client21")),
    Case("delete_credentials_api3", KEYS, has(ok=True)),
    Case("list_credentials_api3", ADA, keys("22"), before=[("delete_credentials_api3", KEYS)]),
    Case("get_credentials_totp", ADA, has(type="totp", verified=False)),
    Case("get_credentials_totp", NOBODY, fails("has no second factor"), fails=True),
    Case("create_credentials_totp", NOBODY, makes_a_second_factor),
    Case("get_credentials_totp", NOBODY, has(verified=False), before=[("create_credentials_totp", NOBODY)]),
    Case("delete_credentials_totp", ADA, has(ok=True)),
    Case(
        "get_credentials_totp",
        ADA,
        fails("has no second factor"),
        before=[("delete_credentials_totp", ADA)],
        fails=True,
    ),
]
for kind, name, field in (
    ("ldap", "LDAP", "ldap_id"),
    ("saml", "SAML", "saml_user_id"),
    ("oidc", "OpenID Connect", "oidc_user_id"),
    ("google", "Google", "google_user_id"),
):
    get, delete = f"get_credentials_{kind}", f"delete_credentials_{kind}"
    CASES += [
        Case(get, SERVICE, has(**{field: f"{kind}-1", "email": "service@example.com"})),
        Case(get, ADA, fails(f"has no {name} login"), fails=True),
        Case(delete, SERVICE, has(ok=True)),
        Case(get, SERVICE, fails(f"has no {name} login"), before=[(delete, SERVICE)], fails=True),
        Case(delete, ADA, fails(f"has no {name} login"), fails=True),
    ]
