"""Client for Tibber's GraphQL service: hourly consumption and prices."""
