#!/bin/busybox sh
# Busybox at work, on the guest and on the host alike: what it prints depends on nothing but the processor. No libm:
# its functions take other paths, with other last digits, where there is FMA.
set -eu
folder=$(busybox mktemp -d)
cd "$folder"

busybox seq 1 8000 >numbers
busybox seq 8000 -1 1 | busybox sort -n >sorted
busybox cmp numbers sorted && echo 'sort: in order'
for sum in md5sum sha1sum sha256sum sha512sum sha3sum; do
  echo "$sum $(busybox $sum <numbers)"
done

busybox gzip -9 <numbers >numbers.gz
echo "gzip $(busybox sha256sum <numbers.gz)"
busybox gunzip <numbers.gz | busybox cmp - numbers && echo 'gunzip: the same'
busybox bzip2 <numbers >numbers.bz2
echo "bzip2 $(busybox sha256sum <numbers.bz2)"
busybox bunzip2 <numbers.bz2 | busybox cmp - numbers && echo 'bunzip2: the same'
busybox tar -cf - numbers | busybox tar -xOf - | busybox cmp - numbers && echo 'tar: the same'

busybox awk 'BEGIN { for (i = 1; i <= 4000; i++) { s += i / (i + 0.3) / 7; p = (p * 31 + i) % 65521 } printf "awk %.17g %d\n", s, p }'
echo "dc $(echo '2 200 ^ 3 - p' | busybox dc)"
busybox factor 600851475143 1000000007
busybox sed 's/7\(.\)/\1seven/g' numbers | busybox tr 0-9 a-j | busybox grep -c seven

# Processes that wait for each other, on all processors.
for worker in 1 2 3 4; do
  (
    i=0
    while [ $i -lt 300 ]; do i=$((i + 1)); done
    busybox yes "$worker" | busybox head -n 2000 | busybox sha1sum >"worker$worker"
  ) &
done
wait
busybox cat worker1 worker2 worker3 worker4
busybox rm -r "$folder"
