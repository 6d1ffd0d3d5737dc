#!/bin/sh
# Writes 1 GiB without a single line ending.
head -c 1073741824 /dev/zero | tr '\0' x
