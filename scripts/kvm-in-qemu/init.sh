#!/bin/busybox sh
# The first process of the machine that runs KVM: loads KVM, runs one command, hands its results over and powers off.
#
#   /etc/tsvmm/modules      kernel modules, in the order to load them
#   /etc/tsvmm/environment  variables for the command, as shell assignments
#   /etc/tsvmm/command      the command, a shell script
#   /results                whatever is put here is brought out, through the second serial port, as a tar archive
#
# Lines on the console that begin with "@tsvmm@ " are for the harness.

busybox=/bin/busybox
$busybox mkdir -p /proc /sys /dev /tmp /run /root /results /usr/bin /usr/sbin /sbin
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
$busybox --install -s
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TERM=linux
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
chmod 1777 /tmp /dev/shm
ifconfig lo 127.0.0.1 up
# Raw: the archive must arrive byte for byte. The console does not echo what is typed ahead of the command.
stty -F /dev/ttyS1 raw

say() { echo "@tsvmm@ $*"; }

# Hands over /results with the status of the command as its last member: an archive that has it is complete.
finish() {
  echo "$1" >/results/status
  cd /results || exit
  tar -cf - $(ls -A | grep -vx status) status >/dev/ttyS1
  sync
  say end
  poweroff -f
}

for module in $(cat /etc/tsvmm/modules); do
  insmod "/lib/modules/$module.ko" || { say "error cannot load module $module"; finish 125; }
done
[ -c /dev/kvm ] || { say "error there is no /dev/kvm"; finish 125; }

. /etc/tsvmm/environment
cd /tsvmm || finish 125
mkfifo /run/held
node scripts/kvm-in-qemu/hold-machine.js >/run/held 2>&1 &
read -r held </run/held
[ "$held" = held ] || { say "error cannot hold a machine: $held"; finish 125; }
say begin
# Guests stay away from processor 0, whose SVM state QEMU lets the others overwrite (docs/kvm-in-qemu.md).
taskset -p -c 1-$(($(nproc) - 1)) $$ >/dev/null
# A session of its own with the serial port as its terminal, so that Ctrl-C reaches a shell started by hand.
setsid -c sh /etc/tsvmm/command </dev/ttyS0 >/dev/ttyS0 2>&1
finish $?
