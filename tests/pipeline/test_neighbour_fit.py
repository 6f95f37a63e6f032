"""A neighbour that meters.yaml names is fitted with the next backfill, not only on the first of the month."""

from __future__ import annotations

from tests.neighbour_house import LIKE, METERS, house_of
from workflows_dagster.domain.like_profile import LikeProfile
from workflows_dagster.pipeline.backfill import fit_missing_profiles
from workflows_dagster.records.profiles import kept


def test_a_neighbour_that_is_named_is_fitted_at_the_next_backfill(small_house, instance):
    house = house_of(small_house, estimate="")
    with_it = small_house(METERS.format(estimate=LIKE))
    assert fit_missing_profiles(with_it.settings, instance)
    assert isinstance(kept(house.store, "upstairs").profile, LikeProfile)
    assert not fit_missing_profiles(with_it.settings, instance)
