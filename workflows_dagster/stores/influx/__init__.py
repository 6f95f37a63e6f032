"""InfluxDB 2.x behind the store's ports; the only place that writes Flux."""
