# Talks HTTP with a server on the host. Arguments: its port, a port where nobody listens.

fetch() {
  what=$1
  shift
  curl -sS --max-time 60 -o /tmp/body -w "linux-net: $what %{http_code} %{num_connects} %{size_download}\n" "$@"
  echo "linux-net: $what exit $?"
}

base=http://10.0.2.2:$1
fetch get "$base/bytes/100000"
fetch head --head "$base/bytes/100000"
fetch missing "$base/nothing"
fetch chunked "$base/chunked"
fetch ipv6 "http://[fec0::2]:$1/bytes/1000"
head -c 300000 /dev/zero >/tmp/zeros
fetch post --data-binary @/tmp/zeros "$base/count"
echo "linux-net: counted $(cat /tmp/body)"
# The server closes without the rest, and resets.
fetch short "$base/short"
fetch reset "$base/reset"
fetch refused "http://10.0.2.2:$2/"
kept=$(curl -sS -o /dev/null -w '%{num_connects}\n' "$base/bytes/1000?[1-100]" | grep -c '^[1-9]')
echo "linux-net: kept $kept"
curl -sS --no-progress-meter --parallel --parallel-immediate --parallel-max 200 -o /dev/null -w '%{http_code}\n' "$base/bytes/20000?[1-1000]" |
  sort | uniq -c | sed 's/^ */linux-net: storm /'
