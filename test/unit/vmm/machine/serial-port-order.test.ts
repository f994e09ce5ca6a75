import { expect, it } from 'vitest';
import { ByteRing } from '../../../../src/vmm/byte-ring.js';
import { SerialPort } from '../../../../src/vmm/machine/serial-port.js';

/** `--exit-on` is such a listener: what it hears is the reason to take the rest of the output. */
it('keeps the order of output that a listener asks for while it hears some', async () => {
  const output = ByteRing.allocate(64);
  const ring = new ByteRing(output);
  const port = new SerialPort('com1', { output, announce: () => undefined });
  const heard: string[] = [];
  port.onData(data => {
    heard.push(Buffer.from(data).toString());
    if (heard.length > 1) return;
    ring.write(Buffer.from('second'));
    port.release();
  });
  const reader = port.readable.getReader();
  const first = reader.read();
  // A stream asks for its data in a later turn.
  await new Promise(resolve => setImmediate(resolve));
  ring.write(Buffer.from('first '));
  port.receive();
  port.end();

  let text = Buffer.from((await first).value!).toString();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += Buffer.from(part.value).toString();
  }
  expect(text).toBe('first second');
  expect(heard).toEqual(['first ', 'second']);
  expect(port.text).toBe('first second');
});
