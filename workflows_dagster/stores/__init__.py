"""Our data: what the raw readings and the processed series are kept in."""
