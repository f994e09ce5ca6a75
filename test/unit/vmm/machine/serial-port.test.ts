import { afterEach, describe, expect, it, vi } from 'vitest';
import { ByteRing } from '../../../../src/vmm/byte-ring.js';
import { SerialPort, SerialWaitError } from '../../../../src/vmm/machine/serial-port.js';

const OUTPUT = 1 << 10;
const INPUT = 16;
const MIB = 1 << 20;

/** A port, and the machine's side of its rings as a test drives it. */
class Rig {
  private readonly outputBuffer = ByteRing.allocate(OUTPUT);
  private readonly inputBuffer = ByteRing.allocate(INPUT);
  readonly output = new ByteRing(this.outputBuffer);
  readonly input = new ByteRing(this.inputBuffer);
  announced = 0;
  readonly port = new SerialPort('com1', {
    output: this.outputBuffer,
    input: this.inputBuffer,
    announce: () => this.announced++,
  });

  /** The guest prints; false when the ring has no room for all of it, as if it waited in its write. */
  readonly print = (text: string | Uint8Array): boolean => {
    const data = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    const taken = this.output.write(data);
    this.port.receive();
    return taken === data.length;
  };

  /** The guest reads what its UART holds, as far as the machine feeds it. */
  take(): string {
    const text = new TextDecoder().decode(this.input.read());
    if (this.input.takeWaiting()) this.port.send();
    return text;
  }
}

/** Lets everything happen that is only waiting for its turn. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

afterEach(() => vi.useRealTimers());

describe('waitFor', () => {
  it('finds what was printed before', async () => {
    const { port, print } = new Rig();
    print('login: ');
    expect((await port.waitFor('login:'))[0]).toBe('login:');
  });

  it('finds what is printed later, in pieces', async () => {
    const { port, print } = new Rig();
    const found = port.waitFor('login:');
    for (const character of 'the login: prompt') print(character);
    expect((await found).index).toBe(4);
  });

  it('takes texts literally, whatever characters they have', async () => {
    const { port, print } = new Rig();
    const text = '$^.*+?()[]{}|\\/-';
    const found = port.waitFor(text);
    print('abc' + text);
    expect((await found)[0]).toBe(text);
  });

  it('gives the groups of a regular expression, and keeps its flags', async () => {
    const { port, print } = new Rig();
    const found = port.waitFor(/^ip=(?<address>[\d.]+)$/im);
    print('boot\nIP=10.0.2.15\nup\n');
    expect((await found).groups).toEqual({ address: '10.0.2.15' });
  });

  it('does not depend on the state of a global or sticky expression, nor change it', async () => {
    const { port, print } = new Rig();
    const pattern = /o/gy;
    pattern.lastIndex = 7;
    print('foo');
    expect((await port.waitFor(pattern)).index).toBe(1);
    expect((await port.waitFor(pattern)).index).toBe(2);
    expect(pattern.lastIndex).toBe(7);
  });

  it('looks from the end of the last match on', async () => {
    const { port, print } = new Rig();
    print('$ one $ two $ ');
    const places = [];
    for (let i = 0; i < 3; i++) places.push((await port.waitFor('$ ')).index);
    expect(places).toEqual([0, 6, 12]);
    const next = port.waitFor('$ ');
    print('three $ ');
    expect((await next).index).toBe(20);
  });

  it('answers several that wait in their order, each from where the one before ended', async () => {
    const { port, print } = new Rig();
    const found = Promise.all(['a', 'b', 'a'].map(text => port.waitFor(text)));
    print('xaxbxa');
    expect((await found).map(({ index }) => index)).toEqual([1, 3, 5]);
  });

  it('matches characters of several bytes that come in pieces', async () => {
    const { port, print } = new Rig();
    const found = port.waitFor('größe ✓');
    for (const byte of new TextEncoder().encode('größe ✓')) print(Uint8Array.of(byte));
    expect((await found)[0]).toBe('größe ✓');
  });

  it('gives up when its time is over, and shows the end of the output', async () => {
    vi.useFakeTimers();
    const { port, print } = new Rig();
    print('x'.repeat(500) + 'panic: no init');
    const given = expect(port.waitFor('login:', { timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'SERIAL_WAIT',
      message: expect.stringMatching(
        /^com1 did not print login: within 5000 ms; its output ends in ".*no init"$/,
      ) as unknown,
      data: { tail: expect.stringMatching(/^x+panic: no init$/) as unknown },
    });
    await vi.advanceTimersByTimeAsync(4999);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await given;
  });

  it('leaves no timer behind when it finds something', async () => {
    vi.useFakeTimers();
    const { port, print } = new Rig();
    const found = port.waitFor('ok', { timeoutMs: 5000 });
    print('ok');
    await found;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes a time that no host timer can wait for as no hurry', async () => {
    vi.useFakeTimers();
    const { port, print } = new Rig();
    const found = port.waitFor('ok', { timeoutMs: Infinity });
    await vi.advanceTimersByTimeAsync(1e9);
    print('ok');
    expect((await found)[0]).toBe('ok');
  });

  it('lets the next one look at the same output once one gave up', async () => {
    vi.useFakeTimers();
    const { port, print } = new Rig();
    const first = expect(port.waitFor('never', { timeoutMs: 10 })).rejects.toThrow(SerialWaitError);
    const second = port.waitFor('ready');
    print('ready');
    await vi.advanceTimersByTimeAsync(10);
    await first;
    expect((await second)[0]).toBe('ready');
  });

  it('gives up at the end of the run, but not what the last output contains', async () => {
    const { port, output } = new Rig();
    const never = expect(port.waitFor('never')).rejects.toThrow(/before the run ended/);
    const last = port.waitFor('bye');
    output.write(new TextEncoder().encode('good bye'));
    port.end();
    await never;
    expect((await last)[0]).toBe('bye');
  });

  it('still finds in the output of a run that is over, and gives up at once otherwise', async () => {
    const { port, print } = new Rig();
    print('all done');
    port.end();
    expect((await port.waitFor('done'))[0]).toBe('done');
    await expect(port.waitFor('done')).rejects.toThrow(SerialWaitError);
  });
});

describe('the transcript', () => {
  it('keeps the last mebibyte', () => {
    const { port, print } = new Rig();
    const line = 'x'.repeat(OUTPUT);
    for (let i = 0; i < 2000; i++) print(line);
    print('the end');
    expect(port.text).toHaveLength(MIB);
    expect(port.text.endsWith('xthe end')).toBe(true);
  });

  it('lets waitFor go on where it was, though what it had matched is gone', async () => {
    const { port, print } = new Rig();
    print('mark ');
    await port.waitFor('mark');
    const found = port.waitFor(/mark \d/);
    for (let i = 0; i < 1500; i++) print('y'.repeat(OUTPUT));
    print('mark 2');
    expect((await found)[0]).toBe('mark 2');
    print('mark 3');
    expect((await port.waitFor(/mark \d/))[0]).toBe('mark 3');
  });
});

describe('onData', () => {
  it('gives each piece of output until it is stopped', () => {
    const { port, print } = new Rig();
    const pieces: number[][] = [];
    const stop = port.onData(data => pieces.push(Array.from(data)));
    print(Uint8Array.of(0, 255));
    print(Uint8Array.of(7));
    stop();
    print('more');
    expect(pieces).toEqual([[0, 255], [7]]);
  });
});

describe('a listener that ends the run', () => {
  it('hears every piece once and in order', () => {
    const { port, output } = new Rig();
    const pieces: string[] = [];
    output.write(Buffer.from('one '));
    port.onData(data => {
      pieces.push(Buffer.from(data).toString());
      if (pieces.length > 1) return;
      output.write(Buffer.from('two '));
      port.release();
    });
    port.receive();
    expect(pieces).toEqual(['one ', 'two ']);
    expect(port.text).toBe('one two ');
  });
});

describe('watch', () => {
  it('calls once, for output from now on, and takes nothing from waitFor', async () => {
    const { port, print } = new Rig();
    print('panic');
    let calls = 0;
    port.watch(/panic: (.*)!/, () => calls++);
    expect(calls).toBe(0);
    print('pan');
    print('ic: oops');
    print('!');
    print('panic: again!');
    expect(calls).toBe(1);
    await port.waitFor('panic');
    expect((await port.waitFor('oops'))[0]).toBe('oops');
  });
});

describe('readable', () => {
  it('gives what comes from the first read on, and ends with the run', async () => {
    const { port, print } = new Rig();
    print('before');
    const reader = port.readable.getReader();
    const first = reader.read();
    await settle();
    print('one');
    expect(text(await first)).toBe('one');
    print('two');
    port.end();
    expect(text(await reader.read())).toBe('two');
    expect((await reader.read()).done).toBe(true);
    expect(port.text).toBe('beforeonetwo');
  });

  it('makes the guest wait while its consumer does not read', async () => {
    const { port, print } = new Rig();
    const reader = port.readable.getReader();
    const first = reader.read();
    await settle();
    const block = new Uint8Array(OUTPUT).fill(0x41);
    // One block goes to the reader, one waits in the stream, one in the ring; there is no room for more.
    expect([print(block), print(block), print(block), print('x')]).toEqual([true, true, true, false]);
    expect((await first).value).toHaveLength(OUTPUT);
    expect((await reader.read()).value).toHaveLength(OUTPUT);
    expect((await reader.read()).value).toHaveLength(OUTPUT);
    expect(print('y')).toBe(true);
  });

  it('does not make the guest wait any longer when the run is to end, and loses nothing of it', async () => {
    const { port, print } = new Rig();
    const reader = port.readable.getReader();
    const first = reader.read();
    await settle();
    const block = new Uint8Array(OUTPUT).fill(0x41);
    while (print(block));
    port.release();
    for (let i = 0; i < 10; i++) expect(print(block)).toBe(true);
    port.end();
    let received = (await first).value!.length;
    for (let next = await reader.read(); !next.done; next = await reader.read())
      received += next.value.length;
    expect(received).toBe(port.text.length);
  });

  it('lets output flow again once its consumer has gone', async () => {
    const { port, print } = new Rig();
    const reader = port.readable.getReader();
    const first = reader.read();
    await settle();
    const block = new Uint8Array(OUTPUT).fill(0x41);
    while (print(block));
    await first;
    await reader.cancel();
    for (let i = 0; i < 10; i++) expect(print(block)).toBe(true);
  });
});

describe('write', () => {
  it('sends text as UTF-8, and tells the machine', async () => {
    const rig = new Rig();
    await rig.port.write('ä\n');
    expect(rig.announced).toBe(1);
    expect(rig.take()).toBe('ä\n');
  });

  it('waits for the guest to read, and keeps the order of several writes', async () => {
    const rig = new Rig();
    const done: string[] = [];
    const long = 'a'.repeat(3 * INPUT);
    const writes = [long, 'b', new Uint8Array(), 'c'].map(async (data, i) => {
      await rig.port.write(data);
      done.push(`write ${i}`);
    });
    await settle();
    expect(done).toEqual([]);
    let received = '';
    for (let i = 0; i < 4; i++) {
      received += rig.take();
      await settle();
    }
    await Promise.all(writes);
    expect(received).toBe(long + 'bc');
    expect(done).toHaveLength(4);
  });

  it('does not announce anything while there is no room', async () => {
    const rig = new Rig();
    const written = rig.port.write('x'.repeat(2 * INPUT));
    const { announced } = rig;
    rig.port.send();
    expect(rig.announced).toBe(announced);
    rig.take();
    await written;
    expect(rig.announced).toBe(announced + 1);
  });

  it('ends with the run', async () => {
    const { port } = new Rig();
    const stuck = port.write('x'.repeat(2 * INPUT));
    port.end();
    await stuck;
    await port.write('too late');
  });

  it('is what writable does', async () => {
    const rig = new Rig();
    const writer = rig.port.writable.getWriter();
    await writer.write('hi');
    await writer.write(Uint8Array.of(0x21));
    expect(rig.take()).toBe('hi!');
  });

  it('is refused by a port that takes no input', async () => {
    const port = new SerialPort('debug console', {
      output: ByteRing.allocate(16),
      announce: () => undefined,
    });
    await expect(port.write('x')).rejects.toMatchObject({ code: 'SERIAL' });
  });
});

function text({ value }: { value?: Uint8Array | undefined }): string {
  return new TextDecoder().decode(value);
}
