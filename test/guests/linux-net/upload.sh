# Uploads random bytes and says their sum. Arguments: where to, how many.

mkfifo /tmp/body
md5sum </tmp/body >/tmp/sum &
head -c "$2" /dev/urandom | tee /tmp/body |
  curl -sS --fail -T - -w 'linux-net: upload %{size_upload} bytes, %{speed_upload} a second\n' "$1"
wait
echo "linux-net: sum $(cut -d ' ' -f 1 /tmp/sum)"
