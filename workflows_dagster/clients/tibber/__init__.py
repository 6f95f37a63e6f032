"""Hours and prices of a Tibber account, by its GraphQL service."""
