# shellcheck shell=bash
# What `up` and `down` of Docker share.
# shellcheck disable=SC2034 # both use it
DOCKER=$CACHE/docker
