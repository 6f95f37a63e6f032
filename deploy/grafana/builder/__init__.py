"""Builds the Grafana dashboards and alert rules from one description of panels and the stored measurements."""
