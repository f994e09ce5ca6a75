import { createMachine } from 'tsvmm';

/**
 * Keeps one machine open, which never runs, for as long as this machine lives.
 *
 * With its first and after its last machine, KVM has the kernel patch a jump in its scheduler. QEMU 7.2's software CPU
 * can go on executing the breakpoint that stands there while that happens: both processors then trap without end.
 */
await createMachine({ kernel: 'guests/build/hello.elf', accel: 'kvm', memory: '16M' });
process.stdout.write('held\n');
