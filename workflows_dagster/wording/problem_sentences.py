"""The English sentence of every problem of the configuration: the fact, then the remedy."""

from __future__ import annotations

from collections.abc import Mapping

from workflows_dagster.settings.problem_codes import Code
from workflows_dagster.wording.words import marked

# Figures are named in braces; `{names:or}` joins several names.
SENTENCES: Mapping[Code, tuple[str, str]] = {
    # Files
    "no_folder": (marked("no folder {path}"), marked("Create it, or set {variable} to the folder that holds {file}.")),
    "config_missing": (
        marked("no such file in {folder}"),
        marked("Copy the one that comes with the system, or write `timezone:` into it."),
    ),
    "config_empty": (
        marked("the file is empty"),
        marked("Copy the one that comes with the system, or write `timezone:` into it."),
    ),
    "meters_missing": (
        marked("no such file in {folder}"),
        marked("Describe the meters there; the file that comes with the system shows how."),
    ),
    "meters_empty": (
        marked("the file is empty"),
        marked("Describe the meters there; the file that comes with the system shows how."),
    ),
    "patterns_missing": (
        marked("no such file in {folder}"),
        marked("Copy the one that comes with the system, or write `patterns: {{}}` into it."),
    ),
    "patterns_empty": (
        marked("the file is empty"),
        marked("Copy the one that comes with the system, or write `patterns: {{}}` into it."),
    ),
    "tariffs_missing": (
        marked("no such file in {folder}"),
        marked("Copy the one that comes with the system, or remove tariffs_config."),
    ),
    "tariffs_empty": (
        marked("the file is empty"),
        marked("Copy the one that comes with the system, or remove tariffs_config."),
    ),
    "file_unreadable": (marked("{path} cannot be read: {reason}"), marked("Put a readable file there.")),
    "impossible_path": (marked("the path holds a character that no path can"), marked("Correct the path.")),
    "not_utf8": (marked("not UTF-8"), marked("Save the file with the encoding UTF-8.")),
    "not_utf8_at": (marked("line {line}: not UTF-8: byte {byte}"), marked("Save the file with the encoding UTF-8.")),
    "not_yaml": (marked("not YAML: {reason}"), marked("Check indentation, colons and quotes there.")),
    "not_yaml_at": (
        marked("line {line}, column {column}: not YAML: {reason}"),
        marked("Check indentation, colons and quotes there."),
    ),
    "control_character": (marked("line {line}: not YAML: a control character"), marked("Remove it.")),
    "nested_too_deeply": (marked("the lists and mappings are nested too deeply"), marked("Write them flatter.")),
    "too_many_values": (
        marked("the file holds more than {most} values, each repetition (*alias) counted"),
        marked("Write fewer, or without repetitions."),
    ),
    "file_too_large": (marked("the file has more than {most} MB"), marked("Name a configuration file.")),
    "odd_value": (marked("not YAML that can be read: {reason}"), marked("Remove the tag (!!…) or the odd value.")),
    "file_holds_list": (marked("the file holds a list, not a mapping"), marked("Begin it with `key:` lines.")),
    "file_holds_value": (
        marked("the file holds the value {value}, not a mapping"),
        marked("Begin it with `key:` lines."),
    ),
    # Keys and kinds of value
    "unknown_key": (marked("unknown key"), marked("Remove it; known keys are {known}.")),
    "secret_key": (
        marked("unknown key"),
        marked("Secrets do not belong here; put it in secrets/*.env (see secrets/README.md)."),
    ),
    "key_of_other_type": (
        marked("unknown key"),
        marked("It is a key of {type} meters; remove it, or correct the type."),
    ),
    "key_missing": (marked("the key is missing"), marked("Add it.")),
    "key_twice": (marked("the key stands twice, on lines {first} and {second}"), marked("Keep one of them.")),
    "key_not_text": (marked("the key {key} is not text"), marked("Put it in quotes.")),
    "not_text": (marked("{value} is not text"), marked("Put it in quotes.")),
    "not_true_or_false": (marked("{value} is neither true nor false"), marked("Write true or false.")),
    "not_whole": (marked("{value} is not a whole number"), marked("Write a whole number.")),
    "too_large": (marked("{value} is too large"), marked("Write a smaller number.")),
    "decimal_comma": (marked("{value} has a decimal comma"), marked("Write {number}.")),
    "not_a_number": (marked("{value} is not a number"), marked("Write a number, with a decimal point.")),
    "number_is_switch": (marked("{value} is not a number"), marked("Write a number.")),
    "not_finite": (marked("{value} is not a finite number"), marked("Write a number, with a decimal point.")),
    "not_a_list": (marked("{value} is not a list"), marked("Write a list, such as [a, b].")),
    "not_a_mapping": (marked("{value} is not a mapping"), marked("Write `key: value` lines below it.")),
    "part_of_itself": (marked("{value} is part of itself"), marked("Write it out instead of the YAML alias.")),
    "not_one_of": (marked("{value} is not {choices:or}"), marked("Write {choices:or}.")),
    "must_be_above": (marked("{value} is not above {bound}"), marked("Write a number above {bound}.")),
    "must_be_at_least": (marked("{value} is below {bound}"), marked("Write a number no lower than {bound}.")),
    "must_be_below": (marked("{value} is not below {bound}"), marked("Write a number below {bound}.")),
    "must_be_at_most": (marked("{value} is above {bound}"), marked("Write a number no higher than {bound}.")),
    "text_with_control": (
        marked("{value} holds a line break or a control character"),
        marked("Write it on one line, without it."),
    ),
    "text_empty": (marked("the text is empty"), marked("Write something, or remove the key.")),
    "not_valid": (marked("{value} is not valid: {message}"), marked("Correct it.")),
    "not_a_date": (marked("{value} is not a date"), marked("Write it as 2024-11-26.")),
    "not_midnight": (marked("{value} is not midnight"), marked("Write the day alone: {day}.")),
    "not_a_unit": (marked("{value} is not a unit"), marked("Write one of {known}.")),
    "unknown_unit": (marked("unknown unit {value}"), marked("Write one of {known}.")),
    # meters.yaml
    "unknown_top_key": (
        marked("unknown key"),
        marked("Remove it. Write `meters:` and below it one `- meter_id: …` a meter."),
    ),
    "meters_key_missing": (
        marked("the key is missing"),
        marked("Write `meters:` and below it one `- meter_id: …` a meter."),
    ),
    "no_meters": (
        marked("{value} holds no meters"),
        marked("Write `meters:` and below it one `- meter_id: …` a meter."),
    ),
    "meter_not_a_mapping": (
        marked("{value} is not a mapping"),
        marked("Write `meter_id:` and the other keys below it."),
    ),
    "id_not_its_name": (
        marked("{value} is not the name that it stands under, {name}"),
        marked("Make them the same, or remove meter_id."),
    ),
    "id_twice": (marked("'{name}' is the id of {place} too"), marked("Give each meter its own id.")),
    "id_differs_by_case": (
        marked("'{name}' differs from '{other}' in {place} by upper and lower case only"),
        marked("Give each meter its own id."),
    ),
    "id_characters": (
        marked("{value} cannot name an asset or a tag"),
        marked("Use at most 100 letters A-Z, digits and _; the entity's own name can stand in source.entity_id."),
    ),
    "id_of_system": (marked("'{name}' is the name of one of the system's own assets"), marked("Choose another id.")),
    "id_of_dagster": (marked("'{name}' is a word that Dagster keeps for itself"), marked("Choose another id.")),
    "type_missing": (marked("the key is missing"), marked("Write type: physical, master or virtual.")),
    "unknown_type": (
        marked("{value} is not physical, master or virtual"),
        marked("Write type: physical, master or virtual."),
    ),
    "entity_with_domain": (
        marked("{value} carries its domain, which InfluxDB keeps apart"),
        marked("Write entity_id: {entity}, and domain: {domain} beside it if need be."),
    ),
    "weather_with_domain": (
        marked("{value} carries its domain, which InfluxDB keeps apart"),
        marked("Write entity_id: {entity}."),
    ),
    "no_estimate": (
        marked("{value} is nothing that an estimate can follow"),
        marked("Write auto, or a list of season, weather, even and like: METER."),
    ),
    "two_likes": (
        marked("there are two meters to follow, '{first}' and '{second}'"),
        marked("Keep the one that uses more."),
    ),
    "like_not_contained": (
        marked(
            "no virtual meter subtracts '{name}' from '{meter}' or its master, so its share is fitted, and nothing "
            "else can be followed beside it"
        ),
        marked("Leave the others out, or name a meter that is subtracted from it."),
    ),
    "half_a_place": (
        marked("there is a {there}, but no {missing}"),
        marked("Write both of them, to a tenth of a degree, or none."),
    ),
    "removed_before_installed": (
        marked("{end} lies before the installation_date {start}"),
        marked("Correct one of the two."),
    ),
    "interval_with_register": (
        marked("a source of kind interval has no register that could wrap around"),
        marked("Remove the key."),
    ),
    "register_with_intervals": (
        marked("a source of kind register has no intervals"),
        marked("Remove the key, or write `kind: interval` before it."),
    ),
    "only_registers_turn_back": (
        marked("a source of kind {kind} does not turn back"),
        marked("Remove turns_back, or the kind."),
    ),
    "entity_list": (
        marked("a list of names needs ids, and for all but the last the time until which it was used, in order"),
        marked("Write it as {example}."),
    ),
    "too_few_digits": (
        marked("{digits} digits cannot show the initial_reading {reading}"),
        marked("Count the digits before the decimal mark again."),
    ),
    "no_periods": (marked("the list is empty"), marked("Describe at least one period.")),
    "period_ends_before_start": (marked("{end} lies before the start_date {start}"), marked("Correct one of the two.")),
    "period_overlaps": (
        marked("{first} overlaps the period that begins on {start} and ends {end}"),
        marked("End that period on {day_before}, or begin this one later."),
    ),
    "period_overlaps_open": (
        marked("{first} overlaps the period that begins on {start} and ends never"),
        marked("End that period on {day_before}, or begin this one later."),
    ),
    "period_gap": (
        marked("{first} leaves a gap after the period that ends on {end}"),
        marked("Begin on {day_after}, or fill the gap with a period."),
    ),
    "no_sources": (marked("the list is empty"), marked("Name the meter that the period is made from.")),
    "several_sources": (
        marked("{count} sources ({sources}), but composition_type is single"),
        marked("Write composition_type: sum, or keep one source."),
    ),
    "source_twice": (
        marked("'{name}' stands in the list twice"),
        marked("Name each source once, or it counts double."),
    ),
    "nothing_subtracted": (marked("the list is empty"), marked("Name the meters to subtract.")),
    "base_subtracted": (marked("'{name}' is the base_meter itself"), marked("Subtract other meters than the base.")),
    "subtracted_twice": (
        marked("'{name}' stands in the list twice"),
        marked("Name each meter once, or it is subtracted twice."),
    ),
    "conversion_not_subtracted": (marked("'{name}' is not subtracted"), marked("Remove the entry.")),
    "unknown_meter": (marked("no meter '{name}'"), marked("Describe it in the file, or remove the name.")),
    "made_from_itself": (
        marked("a meter cannot be made from itself: {ring}"),
        marked("Break the cycle at one of them."),
    ),
    "unit_does_not_convert": (
        marked("'{name}' is in {unit}, which does not convert into the output_unit {output_unit}"),
        marked("Name a meter of the same quantity, or write output_unit: {unit}."),
    ),
    "source_unit_differs": (
        marked("{declared} is not what '{name}' measures, which is in {unit}"),
        marked("Write source_unit: {unit}."),
    ),
    "conversion_impossible": (
        marked("'{name}' is in {unit}, which does not convert into {output_unit}, {meter} not being gas"),
        marked("Subtract a meter of the same quantity, or set utility: gas."),
    ),
    "conversion_missing": (
        marked("'{name}' is in {unit}, {meter} in {output_unit}, and no conversion is declared"),
        marked("Add {name}: {{from_unit: {unit}, to_unit: {output_unit}}} to subtract_meter_conversions."),
    ),
    "conversion_unit_differs": (
        marked("{declared} is not the unit of '{name}', which is {unit}"),
        marked("Write {key}: {unit}."),
    ),
    "unknown_pattern": (marked("no pattern '{name}' in {file}"), marked("Add it to {file}, or remove the key.")),
    # seasonal_patterns.yaml
    "percentage_negative": (marked("{value} is negative"), marked("Write 0 or more.")),
    "percentages_not_twelve": (
        marked("{count} percentages instead of 12"),
        marked("Write one a month, January first."),
    ),
    "percentages_not_100": (marked("the percentages sum to {total} instead of 100"), marked("Correct the months.")),
    "percentages_scaled": (
        marked("the percentages sum to {total} and were scaled to 100"),
        marked("Nothing to do, if they are rounded."),
    ),
    "pattern_unused": (
        marked("no meter uses this pattern"),
        marked("Name it after a meter, or write `pattern: {name}` at one."),
    ),
    # config.yaml
    "storage_not_said": (
        marked("there is an influxdb section and a token, but no storage, so the embedded file is used"),
        marked("Write `backend: influxdb` under `storage`, or remove the section."),
    ),
    "unknown_zone": (marked("no time zone {value}"), marked("Write an IANA name, such as Europe/Berlin.")),
    "not_an_address": (marked("not an address"), marked("Write it as http://localhost:8086.")),
    "address_with_login": (
        marked("the address holds a login"),
        marked("Put secrets in secrets/*.env, and only the host here."),
    ),
    "address_without_scheme": (marked("{value} is not an address"), marked("Write it as http://localhost:8086.")),
    "not_a_host": (
        marked("{value} is no host name or address"),
        marked("Write it as nas.local or 192.168.1.5, without http:// and without a port."),
    ),
    "not_a_network": (
        marked("{value} is no address or network"),
        marked("Write it as 192.168.1.5 or 172.18.0.0/16."),
    ),
    "same_bucket": (marked("'{name}' is bucket_raw too"), marked("Give the results a bucket of their own.")),
    "no_gas_pairs": (marked("the list is empty"), marked("Give energy_content and z_factor, or remove the key.")),
    "gas_pair_undated": (marked("the key is missing"), marked("Add the first day of the pair.")),
    "gas_pair_same_day": (marked("{day} stands before another pair too"), marked("Give each pair its own first day.")),
    "gas_factors_missing": (
        marked("the key is missing, and {meter} converts between energy and gas volume"),
        marked("Give energy_content and z_factor from your gas bill."),
    ),
    "quiet_hours": (marked("{value} is no span of hours"), marked('Write it as "22:00-07:00", or null for none.')),
    "quiet_hours_empty": (
        marked("{value} begins when it ends"),
        marked('Write it as "22:00-07:00", or null for none.'),
    ),
    "cron_fields": (
        marked("{value} has {count} fields instead of 5"),
        marked("Write minute, hour, day, month and weekday, such as 0 2 * * *, or @daily."),
    ),
    "cron_syntax": (
        marked("{value} is no cron schedule"),
        marked("Write minute, hour, day, month and weekday, such as 0 2 * * *, or @daily."),
    ),
    "cron_never": (
        marked("{value} names a day that never comes"),
        marked("Write a day that comes, such as 0 2 1 * * or 0 2 L * * for the last of each month."),
    ),
    "influx_secret_missing": (
        marked("'influxdb' needs {name}, which is not set"),
        marked("Write {name} into secrets/influxdb.env."),
    ),
    "unknown_tibber_meter": (marked("no meter '{name}'"), marked("Name the meter that Tibber bills.")),
    # tariffs.yaml
    "currency_code": (marked("{value} is not a currency's code"), marked("Write its three letters, such as EUR.")),
    "charge_without_time": (
        marked("the key is missing, and a standing_charge of {charge} may be for any time"),
        marked("Write year, month or day."),
    ),
    "time_without_charge": (marked("there is no standing_charge"), marked("Add it, or remove the key.")),
    "vat_missing": (marked("false, and there is no vat_percent to add"), marked("Add vat_percent, such as 19.")),
    "vat_undecided": (
        marked("the key is missing, and a vat_percent of {vat} may be in the prices or not"),
        marked("Write true where the prices are what you pay, false where they are net."),
    ),
    "tariff_of_nothing": (
        marked("it names neither a utility nor a meter"),
        marked("Write utility: or meter: and its name."),
    ),
    "tariff_of_both": (
        marked("it names both a utility and a meter"),
        marked("Keep one of them; a meter's own tariff goes before its utility's."),
    ),
    "tariff_twice": (
        marked("'{name}' has a tariff in {place} too"),
        marked("Put all its prices into one list, each with its valid_from."),
    ),
    "prices_empty": (marked("the list is empty"), marked("Give each price with its valid_from and unit_price.")),
    "prices_missing": (marked("the key is missing"), marked("Give each price with its valid_from and unit_price.")),
    "unit_price_missing": (marked("the key is missing"), marked("Add it, or hourly_prices above.")),
    "price_same_day": (marked("{day} stands before another price too"), marked("Give each price its own first day.")),
    "bearer_of_meter_tariff": (
        marked("this tariff is one meter's, which bears its own standing charge"),
        marked("Remove the key."),
    ),
    "block_prices": (
        marked("a price that depends on how much was used before (blocks, tiers) is not supported"),
        marked("Write the price of a kilowatt-hour that your bill gives on average."),
    ),
    "prices_by_hour": (
        marked("times stand beside a price"),
        marked("Put them into a list below it: {example}."),
    ),
    "times_beside_hourly_prices": (
        marked("the tariff has hourly_prices, which hold at each hour"),
        marked("Keep one of the two."),
    ),
    "not_a_time": (marked("{value} is not a time of day"), marked("Write one in quotes, such as '22:00'.")),
    "not_a_weekday": (marked("{value} is not a weekday"), marked("Write {known}, or from one to another: mon-fri.")),
    "time_of_all_day": (
        marked("it names every minute of the week"),
        marked("Name weekdays, from or to; the price of all other times is the unit_price above."),
    ),
    "times_overlap": (
        marked("entries {number} and {other} hold at the same time"),
        marked("Give each time one price."),
    ),
    "bearer_missing": (
        marked("no billed_meter says at which meter of the utility it is owed"),
        marked("Add billed_meter to {place}, such as the meter on the bill."),
    ),
    "unknown_bearer": (marked("no meter '{name}'"), marked("Name the meter on the bill.")),
    "bearer_has_tariff": (
        marked("'{name}' has a tariff of its own, which this one does not reach"),
        marked("Put the standing charge there, or name another meter."),
    ),
    "bearer_of_other_utility": (
        marked("'{name}' counts {actual}, not {utility}"),
        marked("Name a meter of this utility."),
    ),
    "unknown_tariff_meter": (marked("no meter '{name}'"), marked("Describe it in meters.yaml, or remove the tariff.")),
    "tariff_prices_nothing": (
        marked("it prices no meter: none without a tariff of its own counts {utility}"),
        marked("Remove the tariff, or give a meter this utility in meters.yaml."),
    ),
    "hourly_needs_energy": (
        marked("the hour's prices are per {per}, but '{name}' counts in {unit}"),
        marked("Give a unit_price instead, or price that meter by itself."),
    ),
    "price_unit_missing": (
        marked("the key is missing, and the meters of {utility} count in {units:and}"),
        marked("Write the unit of the bill, such as per: {unit}."),
    ),
    "price_unit_differs": (
        marked("a price per {per} is none for '{name}', which counts in {unit}"),
        marked("Write per: {unit}, or give '{name}' a tariff of its own."),
    ),
    "gas_price_without_factors": (
        marked("'{name}' counts in {unit}, and without gas_conversion in config.yaml no {per} comes of it"),
        marked("Give energy_content and z_factor there, from your gas bill."),
    ),
    # Secrets
    "secret_files_disagree": (marked("{files:and} give different values"), marked("Keep one of them.")),
    "secret_file_missing": (marked("no file '{path}'"), marked("Correct the path, or remove the key.")),
    "secret_file_unreadable": (marked("{path} cannot be read: {reason}"), marked("Correct its owner or mode.")),
    "secret_file_not_utf8": (marked("{path} is not UTF-8"), marked("Save the file with the encoding UTF-8.")),
    "secret_file_empty": (marked("{path} is empty"), marked("Write the value into it, or remove the key.")),
    "not_a_token": (
        marked("the value ({characters} characters) holds a blank or a character that no token has"),
        marked("Copy the value again, on one line and whole."),
    ),
    "house_token_short": (
        marked("the value has {characters} characters, too few to be safe"),
        marked("Write at least {least}; `openssl rand -hex 16` makes a good one."),
    ),
    "house_without_token": (
        marked("the house page would listen on {host}, and there is no token that keeps others out"),
        marked("Write `HOUSE_TOKEN=` and the output of `openssl rand -hex 16` into secrets/house.env."),
    ),
    # Home Assistant
    "unknown_meter_type": (
        marked("there is no type {value}"),
        marked("Write home_assistant, or remove the variable."),
    ),
    "home_assistant_secret_missing": (
        marked("Home Assistant is connected to, and there is no token for it"),
        marked("Write HOME_ASSISTANT_TOKEN, a long-lived token of an administrator, into secrets/home_assistant.env."),
    ),
    "statistic_of_unknown_meter": (marked("no meter '{name}'"), marked("Name a meter of meters.yaml.")),
    "statistic_without_unit": (
        marked("'{meter}' counts in {unit}, which Home Assistant's Energy dashboard does not know"),
        marked("Remove it; energy and volume can be given back."),
    ),
    "statistic_without_id": (
        marked("no letter or digit of '{meter}' can stand in an id of Home Assistant"),
        marked("Remove it, or rename the meter."),
    ),
    "statistic_twice": (
        marked("'{meter}' and '{other}' would both be {id} in Home Assistant"),
        marked("Remove one of them, or rename one of the meters."),
    ),
    "heat_device_no_statistic": (
        marked("'{name}' is not among home_assistant.statistics"),
        marked("Add it there, or remove it here."),
    ),
    "heat_device_no_heat": (marked("'{meter}' is no heat meter"), marked("Remove it; other meters have their place.")),
    "not_an_alert_address": (
        marked("what stands there ({characters} characters) is no address such as ntfy://topic"),
        marked("Separate addresses by blanks or lines, and write a blank within one as %20."),
    ),
    "alert_address_unusable": (
        marked("the {schema}:// address cannot be used"),
        marked("Compare it with the examples in secrets/alerts.env.example."),
    ),
}
