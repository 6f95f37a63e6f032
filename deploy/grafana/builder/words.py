"""Titles in the language that the builder is given; the committed build is English."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], str]

GERMAN: dict[str, str] = {
    "Utility meters: overview": "Zähler: Überblick",
    "The whole house at a glance.": "Das ganze Haus auf einen Blick.",
    "Time zone": "Zeitzone",
    "Replacements": "Zählerwechsel",
    "Price changes": "Preisänderungen",
    "Findings": "Befunde",
    "This month": "Dieser Monat",
    "Last 3 months": "Letzte 3 Monate",
    "This year": "Dieses Jahr",
    "This month so far": "Dieser Monat bis jetzt",
    "Main meters of each utility, up to the newest complete day, beside the same days of last month and year.": (
        "Hauptzähler jeder Sparte bis zum neuesten vollen Tag, neben denselben Tagen des Vormonats und Vorjahres."
    ),
    "Utility": "Sparte",
    "Unit": "Einheit",
    "Same days last month": "Dieselben Tage im Vormonat",
    "Same days last year": "Dieselben Tage im Vorjahr",
    "Newest complete day": "Neuester voller Tag",
    "Time since the newest computed day ended.": "Zeit, seit der neueste berechnete Tag zu Ende ging.",
    "Newest reading": "Neueste Ablesung",
    "Time since any meter was last read.": "Zeit, seit zuletzt ein Zähler abgelesen wurde.",
    "Cost": "Kosten",
    "Cost by month": "Kosten je Monat",
    "Main meters' cost by civil month, standing charges included.": (
        "Kosten der Hauptzähler je Kalendermonat, mit Grundpreisen."
    ),
    "Energy by month": "Energie je Monat",
    "Main meters' stored months in kWh, of gas by the present factors.": (
        "Gespeicherte Monate der Hauptzähler in kWh, bei Gas nach den jetzigen Faktoren."
    ),
    "What needs a look": "Was einen Blick braucht",
    "What the last review of each meter found; notes are left out.": (
        "Was die letzte Durchsicht jedes Zählers ergab; ohne Hinweise."
    ),
    "Meter": "Zähler",
    "Severity": "Gewicht",
    "Finding": "Befund",
    "Utility meters: electricity": "Zähler: Strom",
    "The house's electricity.": "Der Strom des Hauses.",
    "Years back": "Jahre zurück",
    "House page": "Hausseite",
    "Used in the range": "Verbrauch im Zeitraum",
    "Main meters together: parts are not counted twice.": "Hauptzähler zusammen: Teile zählen nicht doppelt.",
    "Cost in the range": "Kosten im Zeitraum",
    "Main meters' cost in the range, standing charges included.": (
        "Kosten der Hauptzähler im Zeitraum, mit Grundpreisen."
    ),
    "Main meters' cost, standing charges included.": "Kosten der Hauptzähler, mit Grundpreisen.",
    "Known by measurement": "Durch Messung bekannt",
    "Part of the use that comes from gaps between readings of at most a day.": (
        "Teil des Verbrauchs aus Lücken zwischen Ablesungen von höchstens einem Tag."
    ),
    "Newest month": "Neuester Monat",
    "The newest stored month of the range.": "Der neueste gespeicherte Monat des Zeitraums.",
    "By day": "Je Tag",
    "Main meters together; what is estimated is paler.": "Hauptzähler zusammen; Geschätztes ist blasser.",
    "By month against the years before": "Je Monat gegen frühere Jahre",
    "Stored months of the main meters, and those of the year chosen.": (
        "Gespeicherte Monate der Hauptzähler und die des gewählten Jahres."
    ),
    "Why this number?": "Warum diese Zahl?",
    "Chosen meters with their bands": "Gewählte Zähler mit ihren Bändern",
    "Each chosen meter's days; the band holds four of five estimated days. A click says why.": (
        "Tage jedes gewählten Zählers; im Band liegen vier von fünf geschätzten Tagen. Ein Klick sagt, warum."
    ),
    "used": "Verbrauch",
    "Floors and shared": "Stockwerke und Allgemein",
    "Direct parts of the main meters by month, the remainder among them.": (
        "Direkte Teile der Hauptzähler je Monat, der Rest darunter."
    ),
    "Day and night registers": "Zählwerke für Tag und Nacht",
    "What each register of the master meters counted, by month.": (
        "Was jedes Zählwerk der Sammelzähler zählte, je Monat."
    ),
    "Base load": "Grundlast",
    "Least use of four whole hours running, of each meter that is read by the hour.": (
        "Kleinster Verbrauch in vier vollen Stunden, jedes stündlich abgelesenen Zählers."
    ),
    "Cost by the hour": "Kosten je Stunde",
    "Where Tibber tells the hours: what it billed.": "Wo Tibber die Stunden nennt: was es berechnet hat.",
    "Utility meters: gas": "Zähler: Gas",
    "The house's gas.": "Das Gas des Hauses.",
    "Boiler against fireplace": "Therme gegen Kamin",
    "Gas in kWh by month": "Gas in kWh je Monat",
    "The stored months times the present factors of the gas.": (
        "Die gespeicherten Monate mal die jetzigen Faktoren des Gases."
    ),
    "Against the weather": "Gegen das Wetter",
    "Main meters by day, and degree days below 15 °C of the stored temperature.": (
        "Hauptzähler je Tag und Gradtage unter 15 °C der gespeicherten Temperatur."
    ),
    "degree days": "Gradtage",
    "Utility meters: water": "Zähler: Wasser",
    "The house's water.": "Das Wasser des Hauses.",
    "Floors, cold and warm": "Stockwerke, kalt und warm",
    "Litres a day": "Liter am Tag",
    "The main meters' days in litres.": "Die Tage der Hauptzähler in Litern.",
    "Night flow": "Nachtfluss",
    "Least use of four whole hours running, of each meter read by the hour: leaks hide there.": (
        "Kleinster Verbrauch in vier vollen Stunden, jedes stündlich abgelesenen Zählers: Dort verbergen sich Lecks."
    ),
    "Utility meters: heat": "Zähler: Wärme",
    "The rooms' heat.": "Die Wärme der Räume.",
    "Main meters of heat together, in MWh.": "Hauptzähler der Wärme zusammen, in MWh.",
    "Share of each room": "Anteil jedes Raums",
    "Each main meter's part of the range.": "Der Teil jedes Hauptzählers am Zeitraum.",
    "Stored months of all rooms, and those of the year chosen.": (
        "Gespeicherte Monate aller Räume und die des gewählten Jahres."
    ),
    "Rooms by day": "Räume je Tag",
    "Each room's days in kWh.": "Die Tage jedes Raums in kWh.",
    "Utility meters: anomalies": "Zähler: Auffälliges",
    "Days that stand out.": "Tage, die auffallen.",
    "Unusual days": "Ungewöhnliche Tage",
    "Flagged days with value, expectation and difference; estimated days are not judged.": (
        "Auffällige Tage mit Wert, Erwartung und Abweichung; geschätzte Tage werden nicht beurteilt."
    ),
    "Day": "Tag",
    "Used": "Verbraucht",
    "Expected": "Erwartet",
    "Difference [%]": "Abweichung [%]",
    "Why": "Warum",
    "The meter around them": "Der Zähler um sie herum",
    "Days of the chosen meters, and what their own past lets expect.": (
        "Tage der gewählten Zähler, und was ihre eigene Vergangenheit erwarten lässt."
    ),
    "Findings in the range": "Befunde im Zeitraum",
    "What was found about the readings, by severity.": "Was an den Ablesungen gefunden wurde, nach Gewicht.",
    "Each finding with its sentence, the newest first.": "Jeder Befund mit seinem Satz, der neueste zuerst.",
    "More than twice the month's average": "Mehr als das Doppelte des Monatsmittels",
    "{{ $labels.meter_id }}: the newest day is more than twice the average of the last thirty.": (
        "{{ $labels.meter_id }}: Der neueste Tag ist mehr als das Doppelte des Mittels der letzten dreißig."
    ),
    "Open the day on the house page: it says what was expected. Look for a tap, a heater, a guest.": (
        "Öffnen Sie den Tag auf der Hausseite: Sie sagt, was zu erwarten war. Suchen Sie Hahn, Heizer, Gast."
    ),
    "No reading for 48 hours": "Keine Ablesung seit 48 Stunden",
    "No meter has been read for 48 hours.": "Seit 48 Stunden wurde kein Zähler abgelesen.",
    "See whether Home Assistant runs and writes into InfluxDB; `meters check --connect` says how old it is.": (
        "Sehen Sie nach, ob Home Assistant läuft und in die InfluxDB schreibt; `meters check --connect` sagt, wie alt "
        "die neueste ist."
    ),
    "No day for 48 hours": "Kein Tag seit 48 Stunden",
    "The newest computed day ended more than 48 hours ago.": (
        "Der neueste berechnete Tag ist vor mehr als 48 Stunden zu Ende gegangen."
    ),
    "See on Dagster's page, under Deployment, whether the daemon runs. `meters backfill` computes what lacks.": (
        "Sehen Sie auf Dagsters Seite unter Deployment, ob der Daemon läuft. `meters backfill` berechnet, was fehlt."
    ),
    "A register fell": "Ein Zählerstand fiel",
    "{{ $labels.meter_id }}: the register fell, and no replacement is declared.": (
        "{{ $labels.meter_id }}: Der Zählerstand fiel, und kein Wechsel ist eingetragen."
    ),
    "Type the replacement in on the house page (Meters, the meter, Replaced), or take a wrong reading back.": (
        "Tragen Sie den Wechsel auf der Hausseite ein, oder nehmen Sie eine falsche Ablesung zurück."
    ),
    "Days are not computed": "Tage sind nicht berechnet",
    "{{ $labels.meter_id }}: days of the last fortnight are not computed.": (
        "{{ $labels.meter_id }}: Tage der letzten zwei Wochen sind nicht berechnet."
    ),
    "Look at the failed runs on Dagster's page. `meters backfill` computes what is missing.": (
        "Sehen Sie die gescheiterten Läufe auf Dagsters Seite an. `meters backfill` berechnet, was fehlt."
    ),
    "A broken promise": "Ein gebrochenes Versprechen",
    "{{ $labels.meter_id }}: days do not add up to the readings. This is a fault of the program.": (
        "{{ $labels.meter_id }}: Tage ergeben nicht die Ablesungen. Das ist ein Fehler des Programms."
    ),
    "Keep a backup (`meters backup`) and report it with the finding's sentence.": (
        "Bewahren Sie eine Sicherung auf (`meters backup`), und melden Sie ihn mit dem Satz des Befunds."
    ),
}


def words(language: str) -> Say:
    """Give what translates into a language.

    Raises:
        KeyError: There is no such language. What it gives raises it for a text without a translation.
    """
    if language == "en":
        return lambda text: text
    return {"de": GERMAN}[language].__getitem__
