"""What a service is asked to say."""

from __future__ import annotations

from tiktok_pipeline.alerts.channels import calling_nobody
from tiktok_pipeline.alerts.routes import channels_of


def test_a_name_that_calls_everybody_calls_nobody_on_discord() -> None:
    discord, mail = channels_of("discord://id/token, mailto://u:p@example.com")
    said = calling_nobody(discord, "@everyone (store jakarta_01), @here: connected again")
    assert "@everyone" not in said
    assert "@here" not in said
    assert said.endswith("connected again")
    assert calling_nobody(mail, "ayu@here.example.com") == "ayu@here.example.com"
