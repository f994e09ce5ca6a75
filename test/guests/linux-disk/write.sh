#!/bin/sh
# Mounts the ext4 file system on the first disk and writes one file after the other, each on stable storage before the next
# begins, until the machine is killed. Arguments: round, first file.
set -e
mkdir -p /mnt
mount -t ext4 /dev/vda /mnt
echo "disk-writer: mounted"
i=$2
while true; do
  # Every third one overwrites what an earlier one has left; the others need room of their own.
  [ $((i % 3)) -eq 0 ] && name="again-$((i % 5))" || name="file-$((i % 400))"
  yes "round $1 record $i" | head -c 40000 | dd of="/mnt/$name" conv=fsync bs=16k 2>/dev/null
  echo "disk-writer: synced $i $name"
  i=$((i + 1))
done
