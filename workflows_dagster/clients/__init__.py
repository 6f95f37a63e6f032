"""Other people's data: what fetches or reads it."""
