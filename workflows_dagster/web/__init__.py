"""The house page and its API: reads what is stored, writes readings and configuration, computes no results."""
