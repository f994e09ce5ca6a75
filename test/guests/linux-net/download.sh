# Downloads a file and says its sum. Argument: its URL.

mkfifo /tmp/body
md5sum </tmp/body >/tmp/sum &
curl -sS --fail -o /tmp/body -w 'linux-net: download %{size_download} bytes, %{speed_download} a second\n' "$1"
wait
echo "linux-net: sum $(cut -d ' ' -f 1 /tmp/sum)"
