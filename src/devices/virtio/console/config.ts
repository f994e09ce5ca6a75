import { RegisterBlock } from '../../registers.js';
import type { VirtioConsole } from './console.js';

/** Bytes of the device configuration layout (virtio 1.3, 5.3.4). */
export const CONFIG_SIZE = 12;

export const CONFIGURATION = new RegisterBlock<VirtioConsole>(
  [
    { name: 'cols', offset: 0, width: 2, read: console => console.size.columns },
    { name: 'rows', offset: 2, width: 2, read: console => console.size.rows },
    { name: 'max_nr_ports', offset: 4, width: 4, read: console => console.maxPorts },
    {
      name: 'emerg_wr',
      offset: 8,
      width: 4,
      read: () => 0,
      write: (console, value) => console.emergencyWrite(value & 0xff),
    },
  ],
  0,
);
