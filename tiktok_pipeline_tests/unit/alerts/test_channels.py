"""What a service is asked to say."""

from __future__ import annotations

import pytest

from tiktok_pipeline.alerts.channels import calling_nobody
from tiktok_pipeline.alerts.routes import channels_of


@pytest.mark.parametrize(
    "address",
    [
        "discord://id/token",
        "https://discord.com/api/webhooks/123/token",
        "mmost://host/token",
        "slack://a/b/c/#d",
    ],
)
@pytest.mark.parametrize(
    ("name", "calling"),
    [
        ("@everyone and @here", "@everyone"),
        ("@all @channel", "@all"),
        ("<@&123456> <@123456>", "<@&"),
        ("<#123456>", "<#"),
        ("[your bank](https://evil.example)", "]("),
    ],
)
def test_a_name_calls_nobody_and_leads_nowhere_in_any_chat(address: str, name: str, calling: str) -> None:
    [channel] = channels_of(address)
    assert calling in name
    assert calling not in calling_nobody(channel, f"account 7 ({name}) needs a person")


def test_a_name_that_calls_everybody_calls_nobody_on_discord() -> None:
    discord, mail = channels_of("discord://id/token, mailto://u:p@example.com")
    said = calling_nobody(discord, "@everyone (store jakarta_01), @here: connected again")
    assert "@everyone" not in said
    assert "@here" not in said
    assert said.endswith("connected again")
    assert calling_nobody(mail, "ayu@here.example.com") == "ayu@here.example.com"
