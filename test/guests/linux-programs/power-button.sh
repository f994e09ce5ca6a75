#!/bin/sh
# Shuts down when the power button is pressed, by busybox's acpid. Needs the modules button and evdev.

mkdir -p /etc/acpi/PWRF
cat >/etc/acpi/PWRF/00000080 <<'END'
#!/bin/sh
echo 'power-button: pressed'
sync
poweroff -f
END
chmod +x /etc/acpi/PWRF/00000080
acpid -d -p /tmp/acpid.pid &
# A press that nobody has opened the button for is lost.
until ls -l "/proc/$!/fd" | grep -q /dev/input/event; do sleep 0.1; done
echo 'power-button: ready'
wait
