#!/bin/busybox sh
# Digests, ciphers, key derivation and signatures of OpenSSL: what it prints depends on nothing but the processor. Its
# own assembly takes other paths where there are AES-NI or AVX, with the same results.
set -eu
export OPENSSL_CONF=/dev/null
folder=$(busybox mktemp -d)
cd "$folder"
busybox seq 1 6000 >data
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
iv=0f0e0d0c0b0a09080706050403020100
digest() { openssl dgst -sha256 -r <"$1" | busybox cut -c 1-64; }

for name in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-224 sha3-256 sha3-512 shake128 shake256 blake2b512 blake2s256 sm3 ripemd160; do
  echo "digest $name $(openssl dgst "-$name" -r <data | busybox cut -d ' ' -f 1)"
done

for name in aes-128-cbc aes-192-cbc aes-256-cbc aes-128-ctr aes-256-ctr aes-128-ofb aes-256-cfb aes-256-ecb \
  camellia-256-cbc aria-256-ctr sm4-cbc des-ede3-cbc chacha20; do
  bytes=$(openssl enc "-$name" -K "$key" -iv "$iv" -e <data 2>/dev/null | busybox tee encrypted | busybox wc -c)
  openssl enc "-$name" -K "$key" -iv "$iv" -d <encrypted 2>/dev/null >decrypted
  busybox cmp data decrypted
  echo "cipher $name $bytes $(digest encrypted)"
done

echo "hmac $(openssl dgst -sha512 -mac HMAC -macopt "hexkey:$key" -r <data | busybox cut -d ' ' -f 1)"
echo "cmac $(openssl mac -cipher aes-256-cbc -macopt "hexkey:$key" -in data CMAC)"
echo "poly1305 $(openssl mac -macopt "hexkey:$key" -in data POLY1305)"
echo "gmac $(openssl mac -cipher aes-256-gcm -macopt "hexkey:$key" -macopt "hexiv:$iv" -in data GMAC)"
echo "siphash $(openssl mac -macopt "hexkey:${key%????????????????????????????????}" -in data SIPHASH)"
echo "pbkdf2 $(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt pass:word -kdfopt salt:salt -kdfopt iter:2000 PBKDF2)"
echo "hkdf $(openssl kdf -keylen 64 -kdfopt digest:SHA512 -kdfopt "hexkey:$key" -kdfopt info:info HKDF)"
echo "scrypt $(openssl kdf -keylen 64 -kdfopt pass:word -kdfopt salt:salt -kdfopt n:1024 -kdfopt r:8 -kdfopt p:1 SCRYPT)"

# A key of its own each time: signs and verifies, and a changed message does not verify.
busybox sed 's/^99$/98/' data >other
for algorithm in 'RSA -pkeyopt rsa_keygen_bits:2048' 'EC -pkeyopt ec_paramgen_curve:P-256' 'EC -pkeyopt ec_paramgen_curve:P-384' \
  'EC -pkeyopt ec_paramgen_curve:P-521' 'EC -pkeyopt ec_paramgen_curve:secp256k1' ED25519 ED448; do
  # shellcheck disable=SC2086
  openssl genpkey -algorithm $algorithm -out private.pem 2>/dev/null
  openssl pkey -in private.pem -pubout -out public.pem
  openssl pkey -in private.pem -check -noout >/dev/null
  case $algorithm in
    ED*) raw='-rawin' ;;
    *) raw='-rawin -digest sha256' ;;
  esac
  # shellcheck disable=SC2086
  openssl pkeyutl -sign -inkey private.pem $raw -in data -out signature
  # shellcheck disable=SC2086
  openssl pkeyutl -verify -pubin -inkey public.pem $raw -in data -sigfile signature >/dev/null
  # shellcheck disable=SC2086
  if openssl pkeyutl -verify -pubin -inkey public.pem $raw -in other -sigfile signature >/dev/null 2>&1; then
    echo "sign $algorithm: another message verifies"
  else
    echo "sign $algorithm: ok"
  fi
done
for curve in X25519 X448; do
  openssl genpkey -algorithm $curve -out a.pem
  openssl genpkey -algorithm $curve -out b.pem
  openssl pkey -in a.pem -pubout -out a.pub
  openssl pkey -in b.pem -pubout -out b.pub
  openssl pkeyutl -derive -inkey a.pem -peerkey b.pub -out ab
  openssl pkeyutl -derive -inkey b.pem -peerkey a.pub -out ba
  busybox cmp ab ba && echo "derive $curve: the same on both sides"
done
echo "prime $(openssl prime 170141183460469231731687303715884105727)"
busybox rm -r "$folder"
