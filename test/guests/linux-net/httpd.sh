# Serves a file of random bytes until the host has it. Argument: its size.

mkdir -p /www
head -c "$1" /dev/urandom >/www/data
echo small >/www/small
echo "linux-net: sum $(md5sum </www/data)"
httpd -f -p 80 -h /www &
until nc.openbsd -z 127.0.0.1 80; do sleep 0.1; done
echo 'linux-net: serving'
read -r _
