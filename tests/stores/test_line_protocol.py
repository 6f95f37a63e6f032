from __future__ import annotations

import numpy as np
import pytest

from workflows_dagster.stores.frames import Column
from workflows_dagster.stores.influx import line_protocol


def column(*values: float | str) -> Column:
    kind = object if isinstance(values[0], str) else np.float64
    return Column(np.arange(len(values), dtype=np.int64) + 10, np.array(values, dtype=kind))


def test_separators_in_names_are_escaped_and_tags_stand_in_order() -> None:
    assert (
        line_protocol.head("m³, warm=x", {"unit": "a b", "domain": "c,d=e"})
        == "m³\\,\\ warm=x,domain=c\\,d\\=e,unit=a\\ b"
    )


def test_numbers_are_written_so_that_they_read_back_to_the_last_bit() -> None:
    lines = line_protocol.readings("m", {"t": "x"}, "my value", column(0.1 + 0.2, 5e-324, 1e22))
    assert lines == [
        "m,t=x my\\ value=0.30000000000000004 10",
        "m,t=x my\\ value=5e-324 11",
        "m,t=x my\\ value=1e+22 12",
    ]


def test_a_point_carries_all_its_fields_and_only_the_instants_asked_for_are_written() -> None:
    fields = {("u", "amount"): column(1.0, 2.0, 3.0), ("u", "why"): column('a "b" \\', "two\nlines")}
    assert line_protocol.points("m", {"unit": "u"}, fields, np.array([10, 12])) == [
        'm,unit=u amount=1.0,why="a \\"b\\" \\\\" 10',
        "m,unit=u amount=3.0 12",
    ]


@pytest.mark.parametrize("text", ["", "ends\\", "line\nbreak", "nul\0"])
def test_a_name_that_line_protocol_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be written to InfluxDB"):
        line_protocol.head("m", {"meter_id": text})


def test_a_measurement_that_would_be_a_comment_is_refused() -> None:
    with pytest.raises(ValueError, match="comment"):
        line_protocol.head("#m", {})
