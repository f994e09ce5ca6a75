#!/usr/bin/env node
// Boots a Multiboot guest of guests/ in v86: `v86-machine.js KERNEL MEMORY-MIB COMMAND-LINE`. Its lines go to standard
// output as they are complete; the process ends with status 0 after a summary in which nothing failed, else with 1.
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { V86 } from 'v86';

const STDOUT = 1;
const SUMMARY = /^\S+ END \d+ (\d+)$/;

const [kernel, memoryMib, commandLine] = process.argv.slice(2);

// Without `bios`, the Multiboot image is entered straight away; the package has no BIOS in it.
const machine = new V86({
  wasm_path: fileURLToPath(new URL('v86.wasm', import.meta.resolve('v86'))),
  multiboot: { url: kernel },
  cmdline: commandLine,
  memory_size: Number(memoryMib) << 20,
  acpi: true, // the IOAPIC comes with it
  autostart: true,
});

let line = '';
machine.add_listener('serial0-output-byte', byte => {
  line += String.fromCharCode(byte);
  if (byte !== 0x0a) return;
  writeSync(STDOUT, line);
  const summary = SUMMARY.exec(line.trim());
  if (summary) process.exit(summary[1] === '0' ? 0 : 1);
  line = '';
});
