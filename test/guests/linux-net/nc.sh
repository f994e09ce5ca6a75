# Talks to netcat on the host. Arguments: a TCP port where it takes bytes, one where it gives some, a UDP port, a port
# where nobody listens.

head -c 1000000 /dev/urandom >/tmp/bytes
nc.openbsd -N 10.0.2.2 "$1" </tmp/bytes && echo "linux-net: sent $(md5sum </tmp/bytes)"
echo "linux-net: received $(nc.openbsd -d 10.0.2.2 "$2" | md5sum)"
echo "linux-net: datagram $(echo question | nc.openbsd -u -W 1 10.0.2.2 "$3")"
nc.openbsd -z -v 10.0.2.2 "$4" 2>&1 | sed 's/^/linux-net: closed /'
nc.openbsd -6 -z -v fec0::2 "$4" 2>&1 | sed 's/^/linux-net: closed6 /'
nc.openbsd -u -z -v 10.0.2.2 "$4" 2>&1
echo "linux-net: closed-udp $?"
nc.openbsd -6 -u -z -v fec0::2 "$4" 2>&1
echo "linux-net: closed-udp6 $?"
