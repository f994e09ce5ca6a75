# Sends bytes to a server of iperf3's on the host and receives some, and says when each measurement begins and ends.
# Arguments: the server's port, mebibytes, passes.

# Arguments: name, those of iperf3.
measure() {
  name=$1
  shift
  echo "net-bench: begin $name"
  iperf3 "$@" >/tmp/iperf3 || cat /tmp/iperf3
  echo "net-bench: end $name"
}

for pass in $(seq "$3"); do
  measure upload -c 10.0.2.2 -p "$1" -n "$2M"
  measure download -c 10.0.2.2 -p "$1" -n "$2M" -R
done
