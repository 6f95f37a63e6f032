#!/bin/sh
# Run once by the image, when a fresh InfluxDB has its raw bucket. Shards of a year: with the default of a week, writing
# several years of days takes three to ten times as long.
set -eu
influx bucket create \
    --name "${METERS_BUCKET_PROCESSED:-lampfi_processed}" \
    --org "$DOCKER_INFLUXDB_INIT_ORG" \
    --retention 0 \
    --shard-group-duration 364d
