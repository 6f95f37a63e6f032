"""When the owner is told what: a week at home, look by look."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workflows_dagster.alerts import telling
from workflows_dagster.alerts.cause import Cause, Seen, look_around
from workflows_dagster.alerts.memory import Letter, Memory, Message, Trials
from workflows_dagster.alerts.wording import all_well, digest
from workflows_dagster.settings.alert_rules import AlertSettings

BERLIN = ZoneInfo("Europe/Berlin")
NOON = pd.Timestamp("2026-06-01 12:00", tz=BERLIN).tz_convert("UTC")
HEAT = Cause("house:heat:reading_overdue", "heat: the last reading is 5 days old. Read the meter.")
DISK = Cause("disk:data", "The disk has 20 MB left. Free some space.")
RUN = Cause("run:days", "The job 'days' failed.")
SPIKE = Cause("house:water:use:above", "water, 2026-05-31: 3 m³, usual 0.2.", pd.Timestamp("2026-05-30 22:00Z"), False)


class Owner:
    """Looks at the house and is told; the memory goes through its text at each look, as through a restart."""

    def __init__(self, **rules: object) -> None:
        self.rules = AlertSettings.model_validate(rules)
        self.cursor: str | None = None

    def look(self, at: str | pd.Timedelta, *causes: Cause, blind: tuple[str, ...] = ()) -> Message | None:
        now, memory = NOON + pd.Timedelta(at), Memory.decode(self.cursor)
        seen = Seen(causes, frozenset(blind))
        telling.note(memory, seen, now)
        due = telling.due(memory, seen, self.rules, now)
        message = telling.message_of(memory, seen, due, now)
        if message is not None and not telling.is_time(memory, self.rules, BERLIN, now):
            message = None
        if message is not None:
            telling.note_told(memory, due, now)
        self.cursor = memory.encode()
        return message


def test_many_causes_are_one_message():
    message = Owner().look("0h", HEAT, DISK, RUN)
    assert message.title == "3 things need a look at home"
    assert message.body.splitlines() == [
        "- heat: the last reading is 5 days old. Read the meter.",
        "- The disk has 20 MB left. Free some space.",
        "- The job 'days' failed.",
    ]
    assert message.kind == "warning"


def test_one_cause_alone_reads_well():
    assert Owner().look("0h", DISK).title == "Something needs a look at home"


def test_the_same_cause_is_told_once_a_week():
    owner = Owner(quiet_hours=None)
    assert owner.look("0h", HEAT) is not None
    assert owner.look("5m", HEAT) is None
    assert owner.look("167h", HEAT) is None
    assert owner.look("168h", HEAT).body == "- heat: the last reading is 5 days old. Read the meter."
    assert owner.look("169h", HEAT) is None


def test_what_comes_up_soon_after_a_message_waits_and_goes_together():
    owner = Owner()
    owner.look("0h", HEAT)
    assert owner.look("1h", HEAT, DISK) is None
    assert owner.look("3h55m", HEAT, DISK, RUN) is None
    message = owner.look("4h", HEAT, DISK, RUN)
    assert message.title == "2 things need a look at home"
    assert message.body.splitlines()[-1] == "So is still 1 more that you were told before."


def test_a_clock_that_was_ahead_silences_nobody():
    owner = Owner(min_hours_between=1, quiet_hours=None)
    assert owner.look("90000h", HEAT) is not None
    assert owner.look("0h", HEAT, DISK) is None
    assert owner.look("1h", HEAT, DISK).title == "Something needs a look at home"
    assert owner.look("200h", HEAT).title == "Something needs a look at home"


def test_the_night_is_quiet_and_the_morning_tells_what_still_stands():
    owner = Owner()
    assert owner.look("10h", HEAT, DISK) is None  # 22:00
    assert owner.look("18h55m", HEAT) is None  # 06:55; the disk has been cleared in the night.
    assert owner.look("19h", HEAT).title == "Something needs a look at home"  # 07:00


def test_quiet_hours_follow_the_houses_clock_in_winter_too():
    owner = Owner(min_hours_between=0)
    january = pd.Timestamp("2026-01-10 07:00", tz=BERLIN) - NOON
    assert owner.look(january - pd.Timedelta(minutes=1), HEAT) is None
    assert owner.look(january, HEAT) is not None


def test_what_comes_and_goes_within_an_hour_is_one_cause():
    owner = Owner(min_hours_between=0)
    owner.look("0h", DISK)
    assert owner.look("1h") is None
    assert owner.look("1h30m", DISK) is None
    assert owner.look("2h") is None
    assert owner.look("2h55m") is None


def test_what_went_away_and_came_back_is_told_again():
    owner = Owner(min_hours_between=0)
    owner.look("0h", HEAT, DISK)
    owner.look("1h", HEAT)
    assert owner.look("3h", HEAT, DISK).body.startswith("- The disk")


def test_when_all_that_was_told_is_gone_all_is_well_once():
    owner = Owner(min_hours_between=0)
    owner.look("0h", HEAT, DISK)
    owner.look("1h", HEAT)
    assert owner.look("2h") is None
    message = owner.look("3h")
    assert (message.title, message.kind) == ("All is well again at home", "success")
    assert message.body.splitlines()[1:] == [
        "- heat: the last reading is 5 days old. Read the meter.",
        "- The disk has 20 MB left. Free some space.",
    ]
    assert owner.look("4h") is None


def test_nothing_is_well_again_that_was_never_told():
    owner = Owner()
    assert owner.look("11h", DISK) is None
    assert owner.look("13h") is None
    assert owner.look("20h") is None


def test_a_new_cause_takes_the_place_of_all_is_well():
    owner = Owner(min_hours_between=0)
    owner.look("0h", DISK)
    owner.look("1h")
    assert owner.look("2h", HEAT).title == "Something needs a look at home"


def test_a_day_that_stands_out_is_told_once_and_is_never_well_again():
    owner = Owner(quiet_hours=None)
    assert owner.look("0h", SPIKE) is not None
    assert owner.look("200h", SPIKE) is None
    assert owner.look("300h") is None
    assert owner.look("400h") is None


def test_a_later_day_that_stands_out_likewise_is_told_after_the_repeat_time():
    owner = Owner(quiet_hours=None)
    later = Cause(SPIKE.key, "Water again", SPIKE.since + pd.Timedelta(days=2), False)
    owner.look("0h", SPIKE)
    assert owner.look("48h", later) is None
    assert owner.look("168h", later).body == "- Water again"
    assert owner.look("336h", later) is None


def test_what_a_blind_look_would_have_found_is_neither_gone_nor_told_again():
    owner = Owner(min_hours_between=0)
    owner.look("0h", RUN)
    assert owner.look("2h", blind=("run",)) is None
    assert owner.look("5h", blind=("run",)) is None
    assert owner.look("6h", RUN) is None


def test_a_look_that_fails_is_a_cause_and_leaves_the_others_alone():
    def broken() -> list[Cause]:
        raise RuntimeError("token abc")

    seen = look_around({"run": broken, "disk": lambda: [DISK]})
    assert [cause.key for cause in seen.causes] == ["look:run", "disk:data"]
    assert seen.blind == {"run"}
    assert "abc" not in seen.causes[0].sentence


def test_a_cause_found_twice_is_told_once():
    assert Owner().look("0h", DISK, DISK).title == "Something needs a look at home"


def test_a_message_stays_short():
    many = [Cause(f"x:{number}", f"number {number}: {'long ' * 200}") for number in range(30)]
    message = digest(many, 0)
    assert message.title == "30 things need a look at home"
    assert len(message.body) < 4000
    assert message.body.splitlines()[-1] == "- and 20 more."
    assert len(all_well([cause.sentence for cause in many]).body) < 4000


def test_a_sentence_of_several_lines_stays_one_line():
    assert digest([Cause("x:y", "One\n  two\tthree")], 0).body == "- One two three"


# Sending again


def test_a_failed_sending_is_tried_at_the_next_look_and_then_ever_more_rarely():
    trials, waits = Trials(), []
    for _ in range(9):
        trials = telling.failed_again(trials, NOON)
        waits.append((trials.next_try - NOON) / pd.Timedelta(minutes=1))
    assert waits == [0, 5, 10, 20, 40, 80, 120, 120, 120]


def test_a_letter_waits_for_its_address_a_day_at_most():
    memory = Memory()
    telling.keep_letter(memory, Message("t", "b"), (1,), 2, NOON)
    memory = Memory.decode(memory.encode())
    letter = telling.next_letter(memory, 2, NOON + pd.Timedelta(minutes=5))
    assert letter == Letter(Message("t", "b"), NOON, (1,), 2, Trials(1, NOON))
    telling.put_back(memory, letter, (1,), NOON + pd.Timedelta(minutes=5))
    assert telling.next_letter(memory, 2, NOON + pd.Timedelta(minutes=6)) is None
    assert telling.next_letter(memory, 2, NOON + pd.Timedelta(hours=24)) is None
    assert memory.letters == []


def test_letters_to_addresses_that_have_changed_are_forgotten():
    memory = Memory()
    telling.keep_letter(memory, Message("t", "b"), (1,), 2, NOON)
    assert telling.next_letter(memory, 1, NOON + pd.Timedelta(minutes=5)) is None


@pytest.mark.parametrize("cursor", [None, "", "{", "[]", '{"told": 3}', "null", "{}"])
def test_a_memory_that_cannot_be_read_is_an_empty_one(cursor):
    assert Memory.decode(cursor) == Memory()


def test_a_memory_survives_as_text():
    memory = Memory(store_away=NOON, store_seen="x", store_causes=[HEAT, SPIKE], trials=Trials(2, NOON))
    telling.note_told(memory, [HEAT, SPIKE], NOON)
    telling.keep_letter(memory, Message("ä", "b", "info"), (0, 2), 3, NOON)
    telling.note(memory, Seen((HEAT,)), NOON + pd.Timedelta(hours=1))
    assert Memory.decode(memory.encode()) == memory
