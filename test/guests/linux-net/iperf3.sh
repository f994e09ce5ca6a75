# Arguments: those of iperf3.

iperf3 --forceflush --format m "$@"
