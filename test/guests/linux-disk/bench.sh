#!/bin/sh
# Reads and writes the first disk without the guest's page cache, one request at a time, and says when each measurement
# begins and ends. Argument: passes.

# Arguments: name, requests, then those of dd.
measure() {
  name=$1 count=$2
  shift 2
  echo "disk-bench: begin $name $count"
  dd "$@" count="$count" 2>/dev/null || echo "disk-bench: $name failed"
  echo "disk-bench: end $name $count"
}

for pass in $(seq "$1"); do
  measure write-4k 4096 if=/dev/zero of=/dev/vda bs=4k oflag=direct
  measure read-4k 4096 if=/dev/vda of=/dev/null bs=4k iflag=direct
  measure write-1m 128 if=/dev/zero of=/dev/vda bs=1M seek=64 oflag=direct
  measure read-1m 128 if=/dev/vda of=/dev/null bs=1M skip=64 iflag=direct
done
