#!/bin/sh
# What udhcpc has learned becomes the card's configuration, and lines for the host to read.

[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
for address in $router; do
  ip route add default via "$address" dev "$interface"
done
for address in $dns; do
  echo "nameserver $address"
done >/etc/resolv.conf
echo "linux-net: lease $ip/$mask router $router dns $dns server $serverid seconds $lease"
