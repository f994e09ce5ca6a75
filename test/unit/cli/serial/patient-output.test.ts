import { describe, expect, it } from 'vitest';
import { PatientOutput } from '../../../../src/cli/serial/patient-output.js';
import { ByteRing } from '../../../../src/vmm/byte-ring.js';
import { SerialPort } from '../../../../src/vmm/machine/serial-port.js';

const BACKLOG = 64 << 10;

/** A port whose output a test prints, and a reader that takes `atOnce` bytes of each piece, or is not there. */
class Rig {
  private readonly buffer = ByteRing.allocate(BACKLOG);
  private readonly ring = new ByteRing(this.buffer);
  readonly port = new SerialPort('com1', { output: this.buffer, announce: () => undefined });
  atOnce = 0;
  received = '';
  readonly output = new PatientOutput(data => {
    const count = Math.min(this.atOnce, data.length);
    this.received += Buffer.from(data.subarray(0, count)).toString();
    return Promise.resolve(count);
  });

  /** Settled before, so that the output's stream is being read, and after, so that what came has been passed on. */
  async print(text: string): Promise<void> {
    await new Promise(resolve => setImmediate(resolve));
    this.ring.write(Buffer.from(text));
    this.port.receive();
    await new Promise(resolve => setImmediate(resolve));
  }
}

describe('output for readers that come and go', () => {
  it('waits for the first one', async () => {
    const rig = new Rig();
    const taken = rig.output.take(rig.port);
    await rig.print('one ');
    await rig.print('two ');
    expect(rig.received).toBe('');
    rig.atOnce = Infinity;
    await rig.output.flush();
    await rig.print('three');
    rig.port.end();
    await taken;
    expect(rig.received).toBe('one two three');
  });

  it('keeps its order for a reader that takes little at a time', async () => {
    const rig = new Rig();
    rig.atOnce = 3;
    const taken = rig.output.take(rig.port);
    await rig.print('abcdefgh');
    await rig.print('ijklm');
    rig.port.end();
    await taken;
    expect(rig.received).toBe('abcdefghijklm');
  });

  it('drops the oldest of more than fits', async () => {
    const rig = new Rig();
    const taken = rig.output.take(rig.port);
    for (let i = 0; i < 40; i++) await rig.print(String(i).padStart(4096, '.'));
    rig.atOnce = Infinity;
    await rig.output.flush();
    expect(rig.received.length).toBeGreaterThanOrEqual(BACKLOG);
    expect(rig.received.length).toBeLessThan(2 * BACKLOG);
    expect(rig.received.endsWith('.39')).toBe(true);
    rig.port.end();
    await taken;
  });

  it('does not wait for a reader that never came', async () => {
    const rig = new Rig();
    const taken = rig.output.take(rig.port);
    await rig.print('unheard');
    rig.port.end();
    await taken;
    expect(rig.received).toBe('');
  });
});
