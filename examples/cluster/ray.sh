#!/usr/bin/env bash
# Workers of a queue on a Ray cluster, one on each of 8 GPUs; where a node is lost its unit goes to the others.
#   REDIS_URL=redis://10.0.0.1:6379 bash examples/cluster/ray.sh
set -eu
: "${REDIS_URL:?the Redis that all nodes reach}"
WORKERS=${WORKERS:-8}

run=(--units "${UNITS:-256}")
attack=(attack --dataset "${DATA:-imagenet:/shared/imagenet}" --out "${OUT:-/shared/run}")
# First the units: a worker that finds none ends.
cfr queue "${run[@]}" "${attack[@]}"
for _ in $(seq "$WORKERS"); do
  ray job submit --no-wait --entrypoint-num-gpus 1 --entrypoint-num-cpus 2 \
    --runtime-env-json "{\"env_vars\": {\"REDIS_URL\": \"$REDIS_URL\", \"CFR_ADAPTER\": \"gpu\"}}" \
    -- cfr worker --until-empty
done
cfr queue "${run[@]}" --wait "${attack[@]}"
