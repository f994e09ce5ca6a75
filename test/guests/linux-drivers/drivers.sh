#!/bin/sh
# Has Linux use each virtio device as a small server would: a file system made, filled, read and removed, fio's jobs on a
# file and on the disk itself, a download and an upload, streams of iperf3 in both directions, random bytes, a line on the
# console. Arguments: URL of a server whose /data is to be downloaded; port of an iperf3 server on the same host.
set -e

dd if=/dev/hwrng of=/dev/null bs=512 count=16 2>/dev/null
echo 'linux-drivers: rng'

# $1: name, $2: file, then further options
job() {
  name=$1 file=$2
  shift 2
  fio --name="$name" --filename="$file" --ioengine=libaio --eta=never --output=/tmp/fio.log "$@" || cat /tmp/fio.log
}

mke2fs -q /dev/vda
mkdir -p /mnt
mount -t ext4 /dev/vda /mnt
for i in 1 2 3 4; do dd if=/dev/zero of=/mnt/file$i bs=64k count=32 conv=fsync 2>/dev/null; done
dd if=/mnt/file1 of=/dev/null bs=4k iflag=direct 2>/dev/null
dd if=/dev/zero of=/mnt/direct bs=4k count=64 oflag=direct 2>/dev/null
job files /mnt/fio --size=8m --rw=randrw --bs=4k --iodepth=16 --fsync=64 --verify=crc32c --io_size=8m
rm /mnt/file* /mnt/fio
sync
umount /mnt
job random /dev/vda --direct=1 --rw=randrw --bsrange=512-64k --iodepth=32 --numjobs=2 --io_size=8m --size=16m
job sequential /dev/vda --direct=1 --rw=write --bs=128k --iodepth=8 --size=16m
job trim /dev/vda --direct=1 --rw=trimwrite --bs=64k --iodepth=4 --size=4m
blkdiscard -l 1048576 /dev/vda
echo 'linux-drivers: blk'

ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
wget -q -O /tmp/data "$1/data"
echo "linux-drivers: net $(wc -c < /tmp/data)"
wget -q -O /dev/null --post-file=/tmp/data "$1/upload"
iperf3 -c 10.0.2.2 -p "$2" -n 16M > /tmp/iperf.log || cat /tmp/iperf.log
iperf3 -c 10.0.2.2 -p "$2" -n 16M -R -P 4 > /tmp/iperf.log || cat /tmp/iperf.log
iperf3 -c 10.0.2.2 -p "$2" -u -b 50M -n 2M > /tmp/iperf.log || cat /tmp/iperf.log
echo 'linux-drivers: iperf3'

echo 'hello from hvc0' > /dev/hvc0
echo 'linux-drivers: console'
