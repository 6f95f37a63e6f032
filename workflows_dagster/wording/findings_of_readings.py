"""Writes findings about readings as sentences."""

from __future__ import annotations

from datetime import date

from workflows_dagster.wording.finding_figures import Figures

# Significant digits of the expected consumption.
_ROUGH = 3
# What is left of the counter where it may have started again on purpose. [1]
_NEAR_ZERO = 0.05


def not_a_number(said: Figures) -> str:
    """Write that readings are not numbers."""
    return said.words.say_count(
        "{number} reading is not a number and left out. See what sends it to Home Assistant.",
        "{number} readings are not a number and left out. See what sends them to Home Assistant.",
        said.count("count"),
    )


def out_of_time(said: Figures) -> str:
    """Write that readings have impossible dates."""
    return said.words.say_count(
        "{number} reading is dated before 1970 or after 2199, the first {day}, and left out. Correct the date.",
        "{number} readings are dated before 1970 or after 2199, the first {day}, and left out. Correct the date.",
        said.count("count"),
        day=said.words.format.day(said.finding.start.date()),
    )


def ahead(said: Figures) -> str:
    """Write that a reading is dated in the future."""
    return said.words.say(
        "a reading is dated {day}, which is still to come; the days until now are computed towards it. "
        "Correct its date, or delete it.",
        day=said.words.format.day(said.words.format.day_at(said.finding.end)),
    )


def glitch(said: Figures) -> str:
    """Write that readings were dropped as a glitch."""
    shown = said.amount("lowest")
    if said.value("lowest") != said.value("highest"):
        shown = said.words.say("{first} to {last}", first=said.number("lowest"), last=said.amount("highest"))
    return said.words.say_count(
        "{number} reading of {shown} left out, because the counter came back. Nothing to do, unless it happens often.",
        "{number} readings of {shown} left out, because the counter came back. Nothing to do, unless it happens often.",
        said.count("count"),
        shown=shown,
    )


def unconfirmed(said: Figures) -> str:
    """Write that the newest reading needs to be confirmed by the next one."""
    return said.words.say(
        "the newest reading, {after}, lies below the one before, {before}; it waits until another reading says whether "
        "the counter comes back. Check it, or declare a replacement.",
        after=said.amount("after"),
        before=said.amount("before"),
    )


def rollover(said: Figures) -> str:
    """Write that the counter rolled over."""
    return said.words.say(
        "the counter ran over from {before} to {after}; {advance} are counted. Nothing to do.",
        before=said.number("before"),
        after=said.amount("after"),
        advance=said.amount("advance"),
    )


def reset(said: Figures) -> str:
    """Write that the counter fell and was probably reset."""
    fact = said.words.say(
        "the counter fell from {before} to {after} and did not come back; {advance} are counted for the time between. "
        "Declare the replacement in meters.yaml (deinstallation_date, a new meter, a period in its master).",
        before=said.number("before"),
        after=said.amount("after"),
        advance=said.amount("advance"),
    )
    if said.value("after") > _NEAR_ZERO * said.value("before"):
        return fact
    purpose = said.words.say(
        "If it starts again from zero on purpose, as each year, write `kind: resetting` under `source` instead."
    )
    return f"{fact} {purpose}"


def restarts(said: Figures) -> str:
    """Write that a counter started again, as it often does."""
    return said.words.say(
        "the counter started again at {after} after {before}, as it often does; {advance} are counted since. "
        "If it does so on purpose, each day or each session, write `kind: resetting` under `source` in meters.yaml.",
        before=said.number("before"),
        after=said.amount("after"),
        advance=said.amount("advance"),
    )


def turns_back(said: Figures) -> str:
    """Write that a counter turned back."""
    return said.words.say(
        "the counter turned back by {amount}, as one without a backstop does while a solar panel feeds in; a part of "
        "this is not subtracted. Write `turns_back: true` under `source` in meters.yaml to count what is left over.",
        amount=said.amount("amount"),
    )


def decimals_lost(said: Figures) -> str:
    """Write that a counter lost decimals, and which resolution follows."""
    return said.words.say(
        "the counter went back from {before} to {after}, as it often does by less than {resolution}: its last decimals "
        "are not real. The register is held until it is passed again; `resolution: {number}` in meters.yaml says so.",
        before=said.number("before"),
        after=said.amount("after"),
        resolution=said.amount("resolution"),
        number=f"{said.value('resolution'):g}",
    )


def unit_changed(said: Figures) -> str:
    """Write that a counter shows a thousandfold or a thousandth from a reading on."""
    times = said.value("times")
    figures = {"before": said.number("before"), "after": said.amount("after")}
    if times > 1:
        return said.words.say(
            "the counter shows {times} times as much from here on ({before}, then {after}), as if its unit had changed "
            "or a decimal mark were missing. Correct the readings, or the unit where they come from.",
            times=said.words.format.fixed(times, 0),
            **figures,
        )
    return said.words.say(
        "the counter shows a {times}th from here on ({before}, then {after}), as if its unit had changed or a decimal "
        "mark were too much. Correct the readings, or the unit where they come from.",
        times=said.words.format.fixed(1 / times, 0),
        **figures,
    )


def implausible(said: Figures) -> str:
    """Write that an advance is implausibly fast."""
    figures = {
        "advance": said.amount("advance"),
        "duration": said.words.format.duration(said.finding.end - said.finding.start, dative=True),
    }
    remedy = said.words.say("Check the reading; if it is wrong, correct it or delete it where it is kept.")
    if "times" not in said:
        fact = said.words.say(
            "{advance} within {duration}, at most {usual} in any gap nearby.", usual=said.amount("usual"), **figures
        )
    else:
        times = said.words.format.fixed(said.value("times"), 0)
        fact = said.words.say(
            "{advance} within {duration}, {times} times as fast as ever nearby.", times=times, **figures
        )
    return f"{fact} {remedy}"


def like_exceeds(said: Figures) -> str:
    """Write that a contained meter used more than the meter counted."""
    return said.words.say(
        "Meanwhile '{other}' used {used}, more than the {advance} that were counted; its days are scaled to them. "
        "Check the readings, and the factors that convert the one into the other.",
        other=said.text("other"),
        used=said.amount("used"),
        advance=said.amount("advance"),
    )


def like_would_pay(said: Figures) -> str:
    """Write that the use of a contained meter would make the estimates better."""
    words = said.words
    return words.say(
        "With the use of '{other}' its estimates would miss readings by {with_it} instead of {now}. "
        "Write estimate: [like: {other}] below it in meters.yaml.",
        other=said.text("other"),
        with_it=words.format.percent(said.value("missed_with")),
        now=words.format.percent(said.value("missed")),
    )


def level_changed(said: Figures) -> str:
    """Write that a meter uses more or less since some day."""
    words, times = said.words, said.value("times")
    figures = {"day": said.day("since"), "share": words.format.percent(abs(times - 1))}
    if times < 1:
        return words.say(
            "Since about {day} it uses {share} less, beyond the season. What comes after the last reading is estimated "
            "from the readings since then.",
            **figures,
        )
    return words.say(
        "Since about {day} it uses {share} more, beyond the season. What comes after the last reading is estimated "
        "from the readings since then.",
        **figures,
    )


def late(said: Figures) -> str:
    """Write that a reading came late."""
    words, figures = said.words, {"duration": said.lasted, "advance": said.amount("advance", 4)}
    if "planned_days" in said:
        fact = words.say_count(
            "no reading for {duration} while {advance} were used; one every day was planned.",
            "no reading for {duration} while {advance} were used; every {planned} days were planned.",
            _plural_of(said.value("planned_days")),
            planned=said.number("planned_days"),
            **figures,
        )
    elif "usual_hours" in said:
        fact = words.say(
            "no reading for {duration} while {advance} were used; they usually come within {usual}.",
            usual=said.hours("usual_hours"),
            **figures,
        )
    else:
        fact = words.say("no reading for {duration} while {advance} were used.", **figures)
    return f"{fact} {_consequence(said)}".rstrip()


def _consequence(said: Figures) -> str:
    """Write the effect of a late reading on the days."""
    spread = said.text("spread")
    if spread == "one_day":
        return said.words.say("Both readings are of one day, whose consumption is known all the same; nothing is lost.")
    if spread == "measured":
        return said.words.say(
            "Readings no further apart than {hours} hours count as measured; nothing is lost.",
            hours=said.number("measured_hours"),
        )
    if spread == "estimated":
        return said.words.say("How they spread over the days between is estimated; nothing is lost.")
    return ""


def overdue(said: Figures) -> str:
    """Write that the next reading is overdue."""
    words, parts = said.words, []
    if "planned_days" in said:
        parts.append(
            words.say_count(
                "the last reading is {duration} old; one every day is planned.",
                "the last reading is {duration} old; every {planned} days are planned.",
                _plural_of(said.value("planned_days")),
                duration=said.lasted,
                planned=said.number("planned_days"),
            )
        )
    elif "usual_hours" in said:
        parts.append(
            words.say(
                "the last reading is {duration} old; they usually come within {usual}.",
                duration=said.lasted,
                usual=said.hours("usual_hours"),
            )
        )
    elif "unvalued_since" in said:
        parts.append(_unvalued(said))
    else:
        parts.append(words.say("the last reading is {duration} old.", duration=said.lasted))
    if "expected" in said and said.value("expected"):
        expected = said.amount("expected", _ROUGH)
        parts.append(words.say("About {expected} should have been used since.", expected=expected))
    if said.text("reader") == "person":
        parts.append(words.say("Read the meter."))
    elif said.text("reader") == "sensor":
        parts.append(words.say("See whether the sensor and Home Assistant are running."))
    if "unvalued_since" in said and ("planned_days" in said or "usual_hours" in said):
        parts.append(words.say("The days since {day} have no value.", day=said.day("unvalued_since")))
    return " ".join(parts)


def _unvalued(said: Figures) -> str:
    figures = {"duration": said.lasted, "day": said.day("unvalued_since")}
    if said.text("no_rate") == "single":
        return said.words.say(
            "the last reading is {duration} old; the days since {day} have no value, because a single reading tells no "
            "rate to go on with.",
            **figures,
        )
    if said.text("no_rate") == "several":
        return said.words.say(
            "the last reading is {duration} old; the days since {day} have no value, because its readings tell no rate "
            "to go on with.",
            **figures,
        )
    return said.words.say("the last reading is {duration} old; the days since {day} have no value.", **figures)


def no_readings(said: Figures) -> str:
    """Write that there is no reading."""
    remedy = said.words.say(
        "Look for its name in Home Assistant, or import readings; `meters discover` lists what is there."
    )
    if "entity" in said:
        fact = said.words.say("there is no reading at all in `{entity}`.", entity=said.text("entity"))
    else:
        fact = said.words.say("there is no reading at all.")
    return f"{fact} {remedy}"


def extrapolated(said: Figures) -> str:
    """Write that the last days are extrapolated."""
    return said.words.say(
        "the last reading is {duration} old; the days since are estimated by the season and the last year.",
        duration=said.lasted,
    )


def backwards(said: Figures) -> str:
    """Write that the first days are estimated backwards."""
    remedy = said.words.say("An initial_reading in meters.yaml makes their sum right.")
    if said.text("before") == "no_value":
        fact = said.words.say(
            "the first reading was taken {duration} after the installation; the days before it have no value.",
            duration=said.lasted,
        )
    else:
        fact = said.words.say(
            "the first reading was taken {duration} after the installation; the days before it are estimated backwards "
            "from what was used later.",
            duration=said.lasted,
        )
    return f"{fact} {remedy}"


def due(said: Figures) -> str:
    """Write that a reading by hand is due soon, or was due some days ago."""
    at = said.words.format
    day = date.fromisoformat(said.text("due"))
    figures = {
        "weekday": at.weekday(day),
        "day": at.day(day),
        "last": at.day(at.day_at(said.finding.start)),
        "meter": said.finding.meter_id,
    }
    if day < at.day_at(said.finding.end):
        return said.words.say(
            "was to be read on {weekday}, {day}; the last reading is of {last}. `meters reading {meter} …` stores one.",
            **figures,
        )
    return said.words.say(
        "is to be read on {weekday}, {day}; the last reading is of {last}. `meters reading {meter} …` stores one.",
        **figures,
    )


def billed_otherwise(said: Figures) -> str:
    """Write that Tibber billed something else than consumption times the price of the hour."""
    at, currency = said.words.format, said.text("currency")
    return said.words.say(
        "Tibber billed {billed}, and consumption times the price of each hour is {priced}: prices hold for a quarter "
        "of an hour, and what was used when within the hour decides. The costs here are what was billed. "
        "Nothing to do.",
        billed=at.money(said.value("billed"), currency),
        priced=at.money(said.value("priced"), currency),
    )


def priced_evenly(said: Figures) -> str:
    """Write how much was priced without knowing at which time it was used."""
    at = said.words.format
    return said.words.say(
        "the hours of {amount}, {share} of what was used, were not measured; that part is priced evenly over the "
        "hours of its days. Nothing to do.",
        amount=said.amount("amount"),
        share=at.percent(said.value("share")),
    )


def _plural_of(number: float) -> int:
    """Give the number that selects a plural; fractions count as many."""
    return 1 if number == 1 else 2
