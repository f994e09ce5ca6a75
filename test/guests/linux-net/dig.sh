# Asks name servers. Arguments: the port of the host's own.

ask() {
  what=$1
  shift
  echo "linux-net: $what $(dig +short +time=10 +tries=3 "$@" | tr '\n' ' ')"
}

ask localhost @10.0.2.3 localhost A
ask localhost6 @10.0.2.3 localhost AAAA
ask udp @10.0.2.2 -p "$1" address.test A
ask tcp @10.0.2.2 -p "$1" +tcp address.test A
ask udp6 @fec0::2 -p "$1" address.test A
# Its answer does not fit in a datagram: dig asks again over TCP.
echo "linux-net: truncated $(dig +short +time=10 @10.0.2.2 -p "$1" large.test TXT | wc -c)"
echo "linux-net: status $(dig +time=10 @10.0.2.2 -p "$1" nobody.test A | sed -n 's/.*status: \([A-Z]*\),.*/\1/p')"
