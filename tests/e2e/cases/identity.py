"""Who calls run as."""

from harness.cases import Case, Got


def is_the_service_account(got: Got) -> None:
    assert (got.answer["id"], got.answer["display_name"]) == ("1", "Sandbox Service")


CASES = [Case("whoami", check=is_the_service_account)]
