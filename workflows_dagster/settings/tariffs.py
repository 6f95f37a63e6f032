"""The models of tariffs.yaml: dated prices, by utility or by meter."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from workflows_dagster.domain.costs import Price, Span
from workflows_dagster.domain.time_prices import TimePrice
from workflows_dagster.settings.fields import CivilDay, Frozen, Number, Text, Unit
from workflows_dagster.settings.named_meter import NamedMeter
from workflows_dagster.settings.price_times import PriceAtTimes
from workflows_dagster.settings.problems import shown
from workflows_dagster.settings.utilities import Utility
from workflows_dagster.settings.validation import Violation, refusal

_CODE = re.compile(r"[A-Z]{3}")


def _currency(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise refusal(Violation("currency_code", {"value": shown(value)}))
    return value


class DatedPrice(Frozen):
    """The prices from a day on.

    Attributes:
        valid_from: First civil day on which it holds; it holds until the next one.
        unit_price: Price of one `per`; may be negative. [currency/per]
        per: Unit that is priced, canonical; None means the meter's own.
        standing_charge: Charge independent of consumption. [currency/standing_charge_per]
        standing_charge_per: Period of one standing charge.
        vat_percent: Value added tax. [%]
        prices_include_vat: Whether both prices include it; None without `vat_percent`, when prices are final.
        times: Prices that hold instead at some times of some weekdays.
    """

    valid_from: CivilDay
    unit_price: Number | None = None
    per: Unit | None = None
    standing_charge: Number | None = None
    standing_charge_per: Annotated[Span | None, Field(validate_default=True)] = None
    vat_percent: Annotated[Number, Field(ge=0, le=100)] | None = None
    prices_include_vat: Annotated[bool | None, Field(validate_default=True)] = None
    times: tuple[PriceAtTimes, ...] = ()

    @field_validator("standing_charge_per")
    @classmethod
    def _for_some_time(cls, span: Span | None, found: ValidationInfo) -> Span | None:
        charge = found.data.get("standing_charge", span)
        if charge is not None and span is None:
            raise refusal(Violation("charge_without_time", {"charge": shown(charge)}))
        if charge is None and span is not None:
            raise refusal(Violation("time_without_charge"))
        return span

    @field_validator("times", mode="before")
    @classmethod
    def _none_named(cls, written: object) -> object:
        return () if written is None else written

    @field_validator("times")
    @classmethod
    def _one_at_a_time(cls, times: tuple[PriceAtTimes, ...]) -> tuple[PriceAtTimes, ...]:
        for k, time in enumerate(times):
            for j, earlier in enumerate(times[:k]):
                if _time_price(time, 1.0).overlaps(_time_price(earlier, 1.0)):
                    raise refusal(Violation("times_overlap", {"number": j + 1, "other": k + 1}))
        return times

    @field_validator("prices_include_vat")
    @classmethod
    def _net_or_gross(cls, included: bool | None, found: ValidationInfo) -> bool | None:
        if "vat_percent" not in found.data:
            return included
        vat = found.data["vat_percent"]
        if vat is None and included is False:
            raise refusal(Violation("vat_missing"))
        if vat is not None and included is None:
            raise refusal(Violation("vat_undecided", {"vat": shown(vat)}))
        return included

    def gross(self, written: float) -> float:
        """Give a written price including VAT."""
        if self.prices_include_vat is False and self.vat_percent is not None:
            return written * (1 + self.vat_percent / 100)
        return written


def _time_price(time: PriceAtTimes, unit_price: float) -> TimePrice:
    return TimePrice(time.when.weekdays, time.when.start, time.when.end, unit_price)


class Tariff(Frozen):
    """The prices of a utility, or of one meter.

    Attributes:
        description: What it is, in the owner's words.
        utility: Utility whose meters it prices, except those with a tariff of their own.
        meter: The one meter that it prices; either this or `utility` is given.
        billed_meter: Meter of the utility that bears the standing charge, which is due once, not for each meter.
        feed_in: Whether the meter counts feed-in, which the grid operator pays for: its cost is negative.
        hourly_prices: Source of hourly prices; hours without one take the dated price.
        advance: What is paid in advance each month, VAT included. [currency]
        prices: Dated prices, by `valid_from` increasing.
    """

    description: str | None = None
    utility: Utility | None = None
    meter: Text | None = None
    billed_meter: Text | None = None
    feed_in: bool = False
    hourly_prices: Literal["tibber"] | None = None
    advance: Annotated[Number, Field(ge=0)] | None = None
    prices: tuple[DatedPrice, ...] = ()

    @field_validator("prices", mode="before")
    @classmethod
    def _none_given(cls, written: object) -> object:
        return () if written is None else written

    @field_validator("prices")
    @classmethod
    def _in_time_order(cls, prices: tuple[DatedPrice, ...]) -> tuple[DatedPrice, ...]:
        return tuple(sorted(prices, key=lambda price: price.valid_from))

    @property
    def sign(self) -> float:
        """1 for what the house pays, -1 for what it earns."""
        return -1.0 if self.feed_in else 1.0

    def dated(self, meter: NamedMeter) -> tuple[Price, ...]:
        """Give the prices of a meter, VAT included, by `valid_from` increasing."""
        bears = meter.meter_id in (self.meter, self.billed_meter)
        return tuple(
            Price(
                valid_from=price.valid_from,
                unit_price=None if price.unit_price is None else self.sign * price.gross(price.unit_price),
                per=price.per or meter.output_unit,
                standing_charge=price.gross(price.standing_charge or 0.0) if bears else 0.0,
                charged_per=price.standing_charge_per or "year",
                times=tuple(_time_price(time, self.sign * price.gross(time.unit_price)) for time in price.times),
            )
            for price in self.prices
        )


class TariffFile(Frozen):
    """All of tariffs.yaml.

    Attributes:
        currency: Code of the one currency of all prices (ISO 4217).
        tariffs: Each utility's and each meter's at most once.
    """

    currency: Annotated[str, AfterValidator(_currency)] = "EUR"
    tariffs: tuple[Tariff, ...] = ()

    @field_validator("tariffs", mode="before")
    @classmethod
    def _none_yet(cls, written: object) -> object:
        return () if written is None else written

    @property
    def has_hourly_prices(self) -> bool:
        """Whether any tariff uses hourly prices."""
        return any(tariff.hourly_prices is not None for tariff in self.tariffs)

    def of_meter(self, meter: NamedMeter) -> Tariff | None:
        """Give the tariff that prices a meter: its own, else its utility's, else None."""
        own = (tariff for tariff in self.tariffs if tariff.meter == meter.meter_id)
        general = (tariff for tariff in self.tariffs if tariff.utility == meter.utility)
        return next(own, None) or next(general, None)
