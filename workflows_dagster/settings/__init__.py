"""The house as its owner describes it: YAML and secrets in, typed frozen models out, all errors at once."""
