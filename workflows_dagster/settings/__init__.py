"""Loads the configuration: YAML and secrets in, typed frozen models out, all errors at once."""
