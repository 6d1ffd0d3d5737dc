#!/bin/sh
# Writes 1 GiB of lines such as a build prints.
yes '[ 57%] Building CXX object runner/exec/CMakeFiles/runner_exec.dir/executor.cpp.o' | head -c 1073741824
