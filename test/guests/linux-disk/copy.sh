#!/bin/sh
# The first disk is an ext4 file system with a file "data". Says its sum, writes a copy of it to the same file system, and
# after an unmount the copy's sum, as it is read from the disk.
set -e
mkdir -p /mnt
mount -t ext4 /dev/vda /mnt
echo "disk-copy: data $(md5sum </mnt/data)"
cp /mnt/data /mnt/copy
umount /mnt
mount -t ext4 /dev/vda /mnt
echo "disk-copy: copy $(md5sum </mnt/copy)"
umount /mnt
