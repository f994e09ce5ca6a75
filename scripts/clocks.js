#!/usr/bin/env node
import { createMachine } from 'tsvmm';

const HELP = `Usage: TSVMM_LINUX_BZIMAGE=… TSVMM_LINUX_INITRD=… node scripts/clocks.js [seconds] [clocksource…]

Boots Linux with each of its clock sources on the software CPU or KVM, as --accel auto would, on a pc, compares its clock
with the host's over that many seconds (default 300).
The two variables come from: eval "$(node scripts/test-kvm.js --print-guests)"
`;

const SOURCES = ['hpet', 'tsc', 'kvm-clock', 'acpi_pm'];
const CURRENT = '/sys/devices/system/clocksource/clocksource0/current_clocksource';

/** Prints the guest's uptime once a second, between marks. */
const script = (/** @type {number} */ seconds) =>
  `sh -c "cat ${CURRENT}; for i in $(seq ${seconds + 1}); do echo uptime=$(cut -d' ' -f1 /proc/uptime); sleep 1; done"`;

/**
 * @param {string} source
 * @param {number} seconds
 */
async function measure(source, seconds) {
  /** @type {{ guest: number, host: number }[]} */
  const samples = [];
  const append = `console=ttyS0 reboot=k panic=-1 quiet clocksource=${source} tsvmm.end=poweroff -- ${script(seconds)}`;
  const machine = await createMachine({
    kernel: process.env['TSVMM_LINUX_BZIMAGE'] ?? '',
    initrd: process.env['TSVMM_LINUX_INITRD'] ?? '',
    memory: '512M',
    append,
    timeoutMs: (seconds + 240) * 1000,
  });
  let rest = '';
  machine.serial.onData(data => {
    const now = performance.now() / 1000;
    rest += Buffer.from(data).toString('latin1');
    for (const [, uptime] of rest.matchAll(/uptime=([\d.]+)\r?\n/g)) {
      samples.push({ guest: Number(uptime), host: now });
    }
    rest = rest.slice(rest.lastIndexOf('\n') + 1);
  });
  const { reason } = await machine.run().finally(() => machine.close());
  const current = /^(hpet|tsc|kvm-clock|acpi_pm)\r?$/m.exec(machine.serial.text)?.[1] ?? 'unknown';
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last === first) return { source, current, reason, seconds: 0, drift: NaN };
  const host = last.host - first.host;
  return { source, current, reason, seconds: host, drift: last.guest - first.guest - host };
}

async function main() {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  const seconds = args.length > 0 && /^\d+$/.test(args[0]) ? Number(args.shift()) : 300;
  for (const source of args.length > 0 ? args : SOURCES) {
    const { current, reason, seconds: span, drift } = await measure(source, seconds);
    const ppm = (drift / span) * 1e6;
    process.stdout.write(
      `${source.padEnd(10)} current ${current.padEnd(10)} ${span.toFixed(1)} s, drift ${(drift * 1000).toFixed(0)} ms (${ppm.toFixed(0)} ppm), ${reason}\n`,
    );
  }
}

await main();
