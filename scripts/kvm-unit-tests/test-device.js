/**
 * The device that kvm-unit-tests expect beside those of a PC (QEMU's `pc-testdev`): a device module of the public API.
 */

const LATCH = 0xe0;
const FLUSH = 0xe4;
const BYTE_LATCH = 0xe8;
const INTERRUPTS = 0x2000;
const INTERRUPT_COUNT = 24;
const MEMORY = 0xff00_0000;
const MEMORY_SIZE = 0x1_0000;

/**
 * Little-endian storage that takes accesses of all sizes at all offsets.
 *
 * @param {Uint8Array} bytes
 * @returns {import('tsvmm').BusTarget}
 */
function storage(bytes) {
  return {
    read(offset, size) {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] ?? 0xff);
      return value;
    },
    write(offset, size, value) {
      for (let i = 0; i < size && offset + i < bytes.length; i++) bytes[offset + i] = value >>> (8 * i);
    },
  };
}

/**
 * @param {import('tsvmm').DeviceContext} context
 * @returns {import('tsvmm').Device}
 */
export default function createTestDevice(context) {
  const latch = new Uint8Array(4);
  // Of four ports the first: the next one is tsvmm's debug console.
  const byteLatch = new Uint8Array(1);
  const memory = new Uint8Array(MEMORY_SIZE);
  const lines = Array.from({ length: INTERRUPT_COUNT }, (_, gsi) => context.irq(gsi));
  return {
    name: 'kvm-unit-tests',
    ranges: [
      { space: 'port', base: LATCH, size: latch.length, target: storage(latch) },
      { space: 'port', base: BYTE_LATCH, size: byteLatch.length, target: storage(byteLatch) },
      // It makes KVM forget a page that it has mapped; there is nothing to forget here.
      { space: 'port', base: FLUSH, size: 4, target: { read: () => 0, write: () => undefined } },
      {
        space: 'port',
        base: INTERRUPTS,
        size: INTERRUPT_COUNT,
        target: { read: () => 0, write: (offset, _size, value) => lines[offset].set((value & 1) !== 0) },
      },
      { space: 'mmio', base: MEMORY, size: memory.length, target: storage(memory) },
    ],
    reset() {
      for (const bytes of [latch, byteLatch, memory]) bytes.fill(0);
      for (const line of lines) line.set(false);
    },
    save: () => ({ latch: [...latch], byteLatch: [...byteLatch], memory: [...memory] }),
    load(state) {
      latch.set(/** @type {number[]} */ (state.latch));
      byteLatch.set(/** @type {number[]} */ (state.byteLatch));
      memory.set(/** @type {number[]} */ (state.memory));
    },
  };
}
