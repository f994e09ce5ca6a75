#!/bin/busybox sh
# /sbin/init of the file system that tests put on a disk (linux-disk.test.ts): the first time it writes, and reboots; the
# second time it looks for what it wrote, and powers off.

export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
mount -o remount,rw /

echo "disk-root: on $(sed -n 's|^\(/dev/[^ ]*\) / \([^ ]*\) rw.*|\1 \2|p' /proc/mounts)"
if [ -e /data ]; then
  echo "disk-root: second boot"
  md5sum -c /data.md5
  rm /second
  echo "$(md5sum </data)" >/third
  end=poweroff
else
  echo "disk-root: first boot"
  dd if=/dev/urandom of=/data bs=64k count=40 2>/dev/null
  md5sum /data >/data.md5
  cp /data /second
  end=reboot
fi
dmesg -r | sed -n 's|^<[0-3]>|disk-root: error |p'
sync
mount -o remount,ro / || echo 'disk-root: error cannot remount'
$end -f
