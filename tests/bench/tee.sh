#!/bin/sh
# tee.sh SCRIPT LOG: what a plain shell does to keep a log: cmd | tee log >/dev/null
sh "$1" | tee "$2" > /dev/null
