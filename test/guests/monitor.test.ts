import { expect, test } from 'vitest';
import { createMachine, Monitor } from 'tsvmm';
import { guestPath, onEachAccelerator } from './harness.js';

onEachAccelerator('the monitor of a machine', accel => {
  test('looks at a guest that uses a virtio device, stops it, and lets it go on', async () => {
    await using machine = await createMachine({
      accel,
      cpus: 2,
      kernel: guestPath('console.elf'),
      consoles: [{}, { kind: 'port', name: 'agent' }],
      timeoutMs: 60_000,
    });
    const monitor = new Monitor(machine);
    const run = machine.run();
    await machine.serial.waitFor('console.name PASS agent');
    await machine.consoles[0].write('one\n');
    await machine.consoles[0].waitFor('ONE\n');

    expect(await monitor.execute('stop')).toBe('');
    expect(await monitor.execute('info status')).toBe('VM status: paused\n');

    const queues = await monitor.execute('info queues');
    expect(queues).toMatch(
      /^virtio-console0: virtio console, status 0x0f \(ACKNOWLEDGE DRIVER DRIVER_OK FEATURES_OK\)/,
    );
    expect(queues).toMatch(/^ {2}queue 0: split, size 128, avail \d+ next 1 used 1 in flight 0$/m);
    expect(queues).toMatch(/^ {2}queue 2: split, size 64, avail \d+ next \d+ used \d+ in flight 0$/m);

    const pci = await monitor.execute('info pci');
    expect(pci).toMatch(/Host bridge: PCI device [0-9a-f]{4}:[0-9a-f]{4}/);
    expect(pci).toMatch(
      /Communication controller: PCI device 1af4:1003\n.*1af4:0003\n.*IRQ (5|10|11), pin A\n/,
    );
    expect(pci).toMatch(/BAR0: I\/O at 0xc000 .*\n.*BAR1: 32 bit memory at 0xc00/);

    const tree = await monitor.execute('info mtree');
    expect(tree).toMatch(/^ {2}0000000000000000-000000000fffffff: ram \(256 MiB\)$/m);
    expect(tree).toMatch(/^ {2}00000000fec00000-00000000fec00fff: ioapic$/m);
    expect(tree).toMatch(/^ {2}03f8-03ff: com1$/m);
    expect(await monitor.execute('info devices')).toMatch(/^com1\n {2}i\/o {2}03f8-03ff$/m);
    expect(await monitor.execute('info device com1')).toMatch(/^ier: 0$/m);
    expect(await monitor.execute('info device nothing')).toBe('Error: there is no device called nothing\n');

    const pic = await monitor.execute('info pic');
    expect(pic).toMatch(/^pic0: irr=.. imr=ff isr=00 irq_base=.. elcr=20$/m);
    expect(pic).toMatch(
      /^ {2}pin 4 {2}0x0000000000010000 dest=0 vec=0 active-hi edge  masked fixed physical/m,
    );
    expect(await monitor.execute('info irq')).toMatch(/^messages \(MSI, MSI-X\): 0$/m);
    expect(await monitor.execute('info chardev')).toMatch(/^agent: virtio port, open in the guest$/m);
    expect(await monitor.execute('info cpus')).toMatch(
      /^\* CPU #0: running .*\n {2}CPU #1: waiting-for-sipi /,
    );

    const { registers } = await machine.vcpu();
    const code = machine.memory.read32(Number(registers.rip));
    const shown = `0x${code.toString(16).padStart(8, '0')}`;
    expect(await monitor.execute('x /1xw $rip')).toContain(`: ${shown}\n`);
    expect(await monitor.execute(`xp/xw 0x${registers.rip.toString(16)}`)).toContain(`: ${shown}\n`);

    expect(await monitor.execute('cont')).toBe('');
    await machine.consoles[0].write('two\n');
    await machine.consoles[0].waitFor('TWO\n');
    await monitor.execute('system_reset');
    await machine.serial.waitFor('console.name PASS agent');
    await monitor.execute('quit');
    expect(await run).toMatchObject({ reason: 'stopped' });
    expect(await monitor.execute('info status')).toBe('VM status: ended\n');
  });

  // Neither a KVM that emulates its guests nor one in QEMU's SVM sees the IRET that ends the guest's own one each time.
  test.runIf(accel === 'wasm')('sends a non-maskable interrupt', async () => {
    await using machine = await createMachine({
      accel,
      kernel: guestPath('irqs.elf'),
      append: 'end=hang',
      timeoutMs: 60_000,
    });
    const run = machine.run();
    await machine.serial.waitFor('irqs END');
    await new Monitor(machine).execute('nmi');
    await machine.serial.waitFor('# nmi');
    await machine.stop();
    await run;
  });
});
