"""Words that identify columns and rows of files: German, English, French, Spanish; lower case."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split("|"))


# Columns of the day, or of day and time.
ENGLISH_DAYS = _words("time|timestamp|datetime|dt|date|start|date/time|day|start date|date time")
DAYS = ENGLISH_DAYS | _words(
    "datum|ab-datum|ab datum|datum von|datum_von|von datum|von|ablesedatum|ablesung|datum/uhrzeit|datum/zeit|"
    "datum uhrzeit|datum und uhrzeit|zeitpunkt|messzeitpunkt|zeitstempel|startdatum|start-datum|beginn|tag|"
    "début|debut|horodate|fecha"
)
# Columns of the time of day; `time` and `start` only beside a column of dates.
CLOCKS = _words(
    "uhrzeit|ab-zeit|ab zeit|zeit|uhrzeit von|zeit von|startzeit|start-zeit|hora|heure|time|start time|start"
)
METERS = _words("meter_id|meter|zähler|zaehler|zählername|zähler-id")
STANDS = _words("zählerstand|zaehlerstand|zählerstände|stand|reading|register|index")
CONSUMPTIONS = _words("verbrauch|menge|consumption|consumed|usage|consumo|consommation")
VALUES = _words("value|wert|valeur|valor")
TEMPERATURES = _words(
    "temperature|temp|tempc|temp_c|temperature_c|temperature_2m|outdoor temperature|outside temperature|tavg|tmk|tt_tu|"
    "temperatur|außentemperatur|aussentemperatur|lufttemperatur|tagesmittel|mittlere temperatur|température|temperatura"
)
# Cells beside or above the unit.
UNIT_CELLS = _words("einheit|unit|uom|unite|unité|unidad")
# Rows with totals.
SUMS = _words("summe|gesamt|gesamtsumme|jahressumme|insgesamt|total|sum|somme|suma")
# These cannot be converted to a meter's unit; columns with them are refused.
FOREIGN_UNITS = _words(
    "btu|therm|therms|thm|ccf|mcf|ft³|ft3|cf|gal|gallon|gallons|kcal|a|v|va|kva|var|kvar|°c|c|°f|€|eur|usd|$|chf|£|%|ct"
)
