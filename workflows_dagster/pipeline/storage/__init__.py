"""Everything that leans on private names of Dagster."""
