#!/bin/busybox sh
# A part of CPython's own tests.
export HOME=/tmp LANG=C.UTF-8
busybox ifconfig lo 127.0.0.1 up
exec python3.11 -m test --timeout 1800 test_int test_float test_complex test_math test_cmath test_decimal test_fractions \
  test_struct test_array test_bytes test_re test_json test_zlib test_gzip test_binascii test_hashlib test_hmac test_heapq \
  test_dict test_set test_generators test_exceptions test_queue test_select test_mmap test_ctypes test_threading
