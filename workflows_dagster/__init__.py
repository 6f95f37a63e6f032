"""Raw readings of a home's utility meters in, one trustworthy number a meter a day out."""
