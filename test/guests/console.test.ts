import { expect, test } from 'vitest';
import { createMachine, type MachineOptions } from 'tsvmm';
import { guestPath, onEachAccelerator } from './harness.js';
import { parseGuestOutput } from './protocol.js';

const AGENT = 'org.tsvmm.agent';
const FLOOD = 300_000;

onEachAccelerator('a virtio console device', accel => {
  const build = (options: Omit<MachineOptions, 'kernel'> = {}) =>
    createMachine({
      accel,
      kernel: guestPath('console.elf'),
      timeoutMs: 60_000,
      consoles: [{}, { kind: 'port', name: AGENT }],
      ...options,
    });

  for (const kind of ['modern', 'legacy']) {
    test(`with two ports, by the ${kind} interface`, async () => {
      await using machine = await build({ append: `interface=${kind}` });
      const [terminal, agent] = machine.consoles;
      terminal.resize(100, 30);
      const run = machine.run();
      await machine.serial.waitFor('# ready');
      await machine.serial.waitFor('console.size PASS 100x30');
      await machine.serial.waitFor(`console.name PASS ${AGENT}`);
      await terminal.waitFor('!');

      await terminal.write('one\n');
      await agent.write('two\n');
      await terminal.waitFor('ONE\n');
      await agent.waitFor('TWO\n');
      expect([terminal.isOpen, agent.isOpen]).toEqual([true, true]);

      terminal.resize(80, 24);
      await machine.serial.waitFor('console.size PASS 80x24');
      agent.setConnected(false);
      await machine.serial.waitFor('console.disconnected PASS 1');
      agent.unplug();
      await machine.serial.waitFor('console.removed PASS 1');
      agent.plug();
      await machine.serial.waitFor('console.added PASS 1');

      await terminal.write('quit\n');
      expect(await run).toMatchObject({ reason: 'exit', status: 0 });
      expect(parseGuestOutput(machine.serial.text).succeeded).toBe(true);
    });
  }

  test('keeps what nobody reads, and loses nothing', async () => {
    await using machine = await build();
    const [, agent] = machine.consoles;
    const reader = agent.readable.getReader();
    // It has begun to read, and reads no more for a while.
    const first = reader.read();
    const run = machine.run();
    await machine.serial.waitFor('# ready');
    await agent.write(`flood ${FLOOD}\n`);
    let text = Buffer.from((await first).value!).toString();
    // The machine goes on meanwhile: the other port answers.
    await machine.consoles[0].write('still here\n');
    expect(machine.serial.text).not.toContain('console.flooded');
    while (text.length < FLOOD) text += Buffer.from((await reader.read()).value!).toString();
    await machine.consoles[0].waitFor('STILL HERE\n');
    await machine.consoles[0].write('quit\n');
    expect(await run).toMatchObject({ status: 0 });
    expect(text).toHaveLength(FLOOD);
    expect(/^(?:[a-z]{4096}|[a-z]+$)*$/.test(text)).toBe(true);
  });

  test.runIf(accel === 'wasm')('with counted instructions hears the same in every run', async () => {
    const texts = [];
    for (let i = 0; i < 2; i++) {
      await using machine = await build({ icount: true });
      // As long as the guest's buffer: what follows comes into another.
      void machine.consoles[0].write(`${'counted'.padEnd(63)}\n`);
      void machine.consoles[1].write('flood 200000\n');
      void machine.consoles[0].write('quit\n');
      const { instructions, status } = await machine.run();
      expect(status).toBe(0);
      texts.push([instructions, machine.serial.text, ...machine.consoles.map(({ text }) => text)]);
    }
    expect(texts[1]).toEqual(texts[0]);
  });
});
