#!/bin/busybox sh
# The first process of the Linux guest that tests boot under tsvmm: says what it sees and ends the machine.
#
# What the kernel's command line can ask for:
#   tsvmm.modules=a,b   modules to load first; what they depend on comes along
#   tsvmm.end=poweroff  power off by ACPI; by default it reboots (-f: at once, without an orderly shutdown)
#   root=/dev/vda       go on with /sbin/init of the ext4 file system there, as a distribution's initial RAM disk does
#   -- command…         everything behind "--" is run as a command before the end
#
# Lines that begin with "tsvmm-linux: " are for the test to read. Kernel messages of the levels "warning" and worse are
# among them.

/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp

end='reboot -f'
root=
for word in $(cat /proc/cmdline); do
  case $word in
    --) break ;;
    tsvmm.end=poweroff) end='poweroff -f' ;;
    root=*) root=${word#*=} ;;
    tsvmm.modules=*)
      for module in $(echo "${word#*=}" | tr , ' '); do
        modprobe "$module" || echo "tsvmm-linux: error cannot load module $module"
      done
      ;;
  esac
done

if [ -n "$root" ]; then
  mkdir /disk
  mount -t ext4 "$root" /disk || echo "tsvmm-linux: error cannot mount $root"
  umount /proc /sys /dev /tmp
  exec switch_root /disk /sbin/init
fi

echo "tsvmm-linux: release $(uname -r)"
echo "tsvmm-linux: processors $(grep -c '^processor' /proc/cpuinfo)"
echo "tsvmm-linux: memory $(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
if [ $# -gt 0 ]; then
  "$@"
  echo "tsvmm-linux: status $?"
fi
dmesg -r | sed -n 's/^<[0-4]>/tsvmm-linux: warning /p'
echo 'tsvmm-linux: done'
$end
