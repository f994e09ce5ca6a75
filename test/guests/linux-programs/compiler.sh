#!/bin/busybox sh
# C compilers and what they make, on the guest and on the host alike.
set -eu
source=$(busybox dirname "$0")/program.c
folder=$(busybox mktemp -d)
cd "$folder"
busybox cp "$source" program.c
for options in -O0 -O2 '-O3 -march=x86-64-v2' '-O2 -mfpmath=387'; do
  # shellcheck disable=SC2086
  gcc $options -fno-ident -ffp-contract=off -S -o program.s program.c
  echo "gcc $options: assembly $(busybox sha256sum <program.s)"
  # shellcheck disable=SC2086
  gcc $options -ffp-contract=off -o program program.c
  ./program | busybox sed "s/^/gcc $options: /"
done
tcc -o program program.c
./program | busybox sed 's/^/tcc: /'
busybox rm -r "$folder"
