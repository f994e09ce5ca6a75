# Uploads a file of random bytes again and again, and says its sum. Arguments: where to, its size, how often.

head -c "$2" /dev/urandom >/tmp/data
echo "linux-net: sum $(md5sum </tmp/data)"
for _ in $(seq "$3"); do
  curl -sS --fail -H 'Expect:' -T /tmp/data -w 'linux-net: upload %{speed_upload} bytes a second\n' "$1" || exit
done
