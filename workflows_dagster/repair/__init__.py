"""The past repairs itself: what has changed in the raw readings, and which stored days are no longer true."""
