import { VirtioConsole } from '../../../src/devices/virtio/console/console.js';
import type { ConsoleLine } from '../../../src/devices/virtio/console/port.js';
import { pick, valueOf } from '../operations.js';
import type { Subject } from './subject.js';

const LENGTHS = [0, 1, 7, 8, 9, 64, 4000] as const;
const CONTROL_LENGTHS = [0, 7, 8, 8, 8, 8, 12] as const;
/** The request that is being made: it is copied before the next one. */
const controlBytes = new Uint8Array(12);
const control = new DataView(controlBytes.buffer);
const zeroes = new Uint8Array(4000);

/** A far end with as much room and input as it is given. */
class UnrulyLine implements ConsoleLine {
  room = 0;
  input = 0;

  write(data: Uint8Array): number {
    const count = Math.min(this.room, data.length);
    this.room -= count;
    return count;
  }

  put(): void {}

  get hasInput(): boolean {
    return this.input > 0;
  }

  read(target: Uint8Array): number {
    const count = Math.min(this.input, target.length);
    this.input -= count;
    target.subarray(0, count).fill(0x21);
    return count;
  }

  guestOpened(): void {}
}

export function consoleSubject(): Subject {
  const lines = Array.from({ length: 3 }, () => new UnrulyLine());
  const type = new VirtioConsole(
    lines.map(
      (line, i) => ({ kind: i === 2 ? 'port' : 'console', name: i === 0 ? '' : `port.${i}`, line }) as const,
    ),
  );
  return {
    type,
    request(queue, a, b) {
      const length = pick(LENGTHS, b);
      if (queue % 2 === 0) return a & 1 ? [{ data: length }, { data: length }] : [{ data: length }];
      if (queue !== 3) return [{ data: zeroes.subarray(0, length) }];
      control.setUint32(0, a & 1 ? valueOf(a) : (a >>> 1) & 3, true);
      control.setUint16(4, (b >>> 16) % 9, true);
      control.setUint16(6, (b >>> 24) & 1, true);
      return [{ data: controlBytes.subarray(0, pick(CONTROL_LENGTHS, b >>> 8)) }];
    },
    world: [
      {
        name: 'console-input',
        weight: 6,
        run: (a, b) => {
          lines[a % 3].input = b & 0xfff;
          type.receive(type.ports[a % 3]);
        },
      },
      {
        name: 'console-room',
        weight: 6,
        run: (a, b) => {
          lines[a % 3].room = b & 0x1_ffff;
          type.transmit(type.ports[a % 3]);
        },
      },
      {
        name: 'console-resize',
        weight: 2,
        run: (a, b) =>
          type.resize(type.ports[a % 3], { columns: 1 + (b & 0xff), rows: 1 + ((b >>> 8) & 0xff) }),
      },
      {
        name: 'console-connected',
        weight: 2,
        run: (a, b) => type.setConnected(type.ports[a % 3], (b & 1) !== 0),
      },
      {
        name: 'console-present',
        weight: 2,
        run: (a, b) => type.setPresent(type.ports[a % 3], (b & 3) !== 0),
      },
    ],
  };
}
