"""A refused token is tried once, and a clock that is wrong stops everything that rests on times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from workflows_dagster.clients.home_assistant.errors import HomeAssistantError, RefusedTokenError
from workflows_dagster.sample_house.home_assistant import StandIn, running
from workflows_dagster.services.home_assistant_access import access_of, opened
from workflows_dagster.settings.load import Settings


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def settings(shipped: Settings, stand_in: StandIn, tmp_path: Path) -> Iterator[Settings]:
    with running(stand_in) as url:
        assistant = shipped.site.home_assistant.model_copy(update={"url": url})
        site = shipped.site.model_copy(update={"home_assistant": assistant})
        yield replace(with_token(shipped, stand_in.token), site=site, data_dir=tmp_path / "data")


def with_token(settings: Settings, token: str) -> Settings:
    secrets = settings.secrets.model_copy(update={"home_assistant_token": SecretStr(token)})
    return replace(settings, secrets=secrets)


def test_a_refused_token_is_tried_once_and_again_when_it_changes(settings: Settings, stand_in: StandIn) -> None:
    wrong = with_token(settings, "planted-token")
    for _ in range(3):
        with pytest.raises(RefusedTokenError), opened(wrong):
            pass
    assert stand_in.refused == 1
    assert all("planted-token" not in path.read_text() for path in settings.data_dir.iterdir())
    with pytest.raises(RefusedTokenError), opened(wrong, again=True):
        pass
    assert stand_in.refused == 2
    with opened(settings) as (assistant, _):
        assert assistant.ask("get_states") == []
    # A good one wipes out the memory.
    with pytest.raises(RefusedTokenError), opened(wrong):
        pass
    assert stand_in.refused == 3


def test_the_token_is_in_no_representation(settings: Settings, stand_in: StandIn) -> None:
    assert stand_in.token not in repr(access_of(settings))


def test_without_an_address_nothing_is_asked(shipped: Settings) -> None:
    with pytest.raises(HomeAssistantError, match=r"home_assistant\.url"), opened(shipped):
        pass


@pytest.mark.parametrize(("offset", "said"), [(90.0, "90 s ahead of"), (-3600.0, "3600 s behind")])
def test_a_clock_that_is_more_than_a_minute_off_refuses(
    settings: Settings, stand_in: StandIn, offset: float, said: str
) -> None:
    stand_in.clock_offset = offset
    with pytest.raises(HomeAssistantError, match=said), opened(settings):
        pass


def test_a_small_difference_is_told(settings: Settings, stand_in: StandIn) -> None:
    stand_in.clock_offset = 5.0
    with opened(settings) as (_, difference):
        assert difference == pytest.approx(5.0, abs=0.5)
