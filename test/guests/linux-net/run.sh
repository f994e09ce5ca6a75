#!/bin/sh
# Gets the card an address by DHCP and runs one of the scripts beside this one. Arguments: its name, those of its own.
#
# Lines that begin with "linux-net: " are for the host to read.

script=$1
shift
mkdir -p /etc
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -n -q -s /tests/udhcpc.sh || exit
# Its IPv6 address is tentative until duplicate address detection is over.
for _ in $(seq 100); do
  ip -6 addr show dev eth0 scope site | grep -v tentative | grep -q 'inet6 fec0::' && break
  sleep 0.1
done
. "/tests/$script.sh"
