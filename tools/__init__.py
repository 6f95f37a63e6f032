"""Tools of those who work on the project."""
