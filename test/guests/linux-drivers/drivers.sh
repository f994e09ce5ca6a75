#!/bin/sh
# Has Linux use each virtio device as a small server would: a file system made, filled, read and removed, a download and
# an upload, random bytes, a line on the console. Argument: URL of a server whose /data is to be downloaded.
set -e

dd if=/dev/hwrng of=/dev/null bs=512 count=16 2>/dev/null
echo 'linux-drivers: rng'

mke2fs -q /dev/vda
mkdir -p /mnt
mount -t ext4 /dev/vda /mnt
for i in 1 2 3 4; do dd if=/dev/zero of=/mnt/file$i bs=64k count=32 conv=fsync 2>/dev/null; done
dd if=/mnt/file1 of=/dev/null bs=4k iflag=direct 2>/dev/null
dd if=/dev/zero of=/mnt/direct bs=4k count=64 oflag=direct 2>/dev/null
rm /mnt/file*
sync
umount /mnt
blkdiscard -l 1048576 /dev/vda
echo 'linux-drivers: blk'

ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
wget -q -O /tmp/data "$1/data"
echo "linux-drivers: net $(wc -c < /tmp/data)"
wget -q -O /dev/null --post-file=/tmp/data "$1/upload"

echo 'hello from hvc0' > /dev/hvc0
echo 'linux-drivers: console'
