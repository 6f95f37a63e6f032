#!/bin/sh
# One of Dagster's programs as a service, with the house's logs. By the path of its release, not by way of `current`: what
# runs must go on with the files that it began with, also after another release has become the current one.
exec /opt/utility-meters/releases/@RELEASE@/venv/bin/python -m workflows_dagster.service "$@"
