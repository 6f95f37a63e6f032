"""Logging to the console and one shared file, as JSON or text, with secrets masked."""
