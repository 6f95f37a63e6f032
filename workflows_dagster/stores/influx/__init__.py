"""The InfluxDB 2.x backend; the only package that writes Flux."""
