// Boots the kernel that is its argument and prints what each step of it took, in milliseconds, as JSON.

const started = performance.now();
const { createMachine } = await import('tsvmm');
const imported = performance.now();
const machine = await createMachine({ kernel: process.argv[2] });
const created = performance.now();
const firstByte = new Promise(resolve => machine.serial.onData(resolve)).then(() => performance.now());
const run = machine.run();
const spoke = await firstByte;
await run;
await machine.close();
process.stdout.write(
  JSON.stringify({
    'Node itself': started,
    'import of tsvmm': imported - started,
    createMachine: created - imported,
    'the guest': spoke - created,
  }),
);
