"""The calculations: pure functions over numpy and pandas, without IO, clock or Dagster."""
