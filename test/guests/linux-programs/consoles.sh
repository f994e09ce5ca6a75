#!/bin/sh
# Talks to the test through a virtio console and a port (linux-devices.test.ts). Needs the module virtio_console.

# The port's place in sysfs, once it has its name: that comes a message later than the port.
port_called() {
  until name=$(grep -ls "$1" /sys/class/virtio-ports/*/name); do sleep 0.1; done
  basename "$(dirname "$name")"
}

port=/dev/$(port_called org.example.agent)
# Once open it stays so: the last close resets how it is set.
exec 4<>/dev/hvc0
stty raw -echo <&4

# The size changes some time after the driver has the message; without one, stty complains.
until [ "$(stty size <&4 2>/dev/null)" = '50 132' ]; do sleep 0.1; done
echo 'consoles: size 50 132' >&4

read -r line <&4
echo "consoles: heard $line" >&4

# One open file for both directions: bytes that come while nobody has the port open are dropped.
exec 3<>"$port"
echo 'ready' >&3
head -c 100000 <&3 | md5sum >&3
exec 3<&-

echo 'consoles: unplug' >&4
while [ -e "$port" ]; do sleep 0.1; done
echo 'consoles: plug' >&4
echo "consoles: again /dev/$(port_called org.example.agent)" >&4
