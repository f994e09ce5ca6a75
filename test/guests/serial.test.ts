import { expect, test } from 'vitest';
import { createMachine, SerialWaitError } from 'tsvmm';
import { guestPath, onEachAccelerator } from './harness.js';

onEachAccelerator('the serial port', accel => {
  for (const mode of ['polled', 'irq']) {
    test(`a conversation, ${mode}`, async () => {
      await using machine = await createMachine({
        accel,
        kernel: guestPath('echo.elf'),
        append: `mode=${mode}`,
        timeoutMs: 60_000,
      });
      const run = machine.run();
      await machine.serial.waitFor('# ready');
      for (const line of ['hello', 'a longer line with words', 'last']) {
        await machine.serial.write(`${line}\n`);
        const [match] = await machine.serial.waitFor(/echo: (.*)\n/);
        expect(match).toBe(`echo: ${line}\n`);
      }
      await machine.serial.write('quit\n');
      expect(await run).toMatchObject({ reason: 'exit', status: 0 });
    });
  }

  for (const mode of ['polled', 'irq']) {
    test(`what was there before the guest set up its port arrives whole, ${mode}`, async () => {
      await using machine = await createMachine({
        accel,
        kernel: guestPath('echo.elf'),
        append: `mode=${mode}`,
        timeoutMs: 60_000,
      });
      void machine.serial.write('early\nquit\n');
      expect(await machine.run()).toMatchObject({ reason: 'exit', status: 0 });
      expect(machine.serial.text).toContain('echo: early\n');
    });
  }

  test('nothing of a long paste is lost', async () => {
    await using machine = await createMachine({
      accel,
      kernel: guestPath('echo.elf'),
      append: 'mode=irq',
      timeoutMs: 60_000,
    });
    const lines = Array.from({ length: 60 }, (_, i) => `line ${i} ${'x'.repeat(i)}`);
    const run = machine.run();
    await machine.serial.waitFor('# ready');
    await machine.serial.write(`${lines.join('\n')}\nquit\n`);
    await run;
    const echoed = [...machine.serial.text.matchAll(/echo: (.*)\n/g)].map(match => match[1]);
    expect(echoed).toEqual(lines);
  });

  test('output as a web stream', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('hello.elf') });
    const run = machine.run();
    let text = '';
    for await (const chunk of machine.serial.readable.pipeThrough(new TextDecoderStream())) text += chunk;
    await run;
    expect(text).toBe(machine.serial.text);
    expect(text).toContain('# hello from tsvmm\n');
  });

  test('a wait that cannot be satisfied ends with the run, and says what was printed', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('hello.elf') });
    const wait = machine.serial.waitFor('goodbye');
    await Promise.all([machine.run(), expect(wait).rejects.toThrow(SerialWaitError)]);
    await expect(machine.serial.waitFor('goodbye')).rejects.toThrow(/hello END 5 0/);
  });

  test('the run can end at a line of output', async () => {
    await using machine = await createMachine({
      accel,
      kernel: guestPath('echo.elf'),
      exitOn: /^# rea.y$/m,
      timeoutMs: 60_000,
    });
    expect(await machine.run()).toMatchObject({ reason: 'matched', status: 0 });
  });
});
