"""How near the days and months between readings come to the truth, on real households' hours."""
