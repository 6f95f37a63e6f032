"""All code that uses private names of Dagster."""
