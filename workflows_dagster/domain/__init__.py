"""What the numbers mean: pure functions over numpy and pandas, without IO, clock or Dagster."""
