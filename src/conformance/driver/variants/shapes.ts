import { VirtioBlk } from '../../../devices/virtio/blk/blk.js';
import { VirtioNet } from '../../../devices/virtio/net/net.js';
import { Status } from '../../../devices/virtio/status.js';
import type { Virtqueue } from '../../../devices/virtio/queue/virtqueue.js';
import { VirtioPci } from '../../../devices/virtio/transport/pci.js';
import type { ConfigSpace } from '../../../devices/pci/config-space.js';
import type { StructureAlias, Variant, VariantDevice } from './variant.js';

const CAPABILITIES_POINTER = 0x34;
const REVISION_ID = 0x08;
const VENDOR_SPECIFIC = 0x09;
const CAPABILITY = 16;
const LONG_CAPABILITY = 24;
const RESERVED_TYPE = 0x7f;
const RESERVED_BAR = 7;
const COMMON_CONFIGURATION = 1;
const VENDOR_DATA = 9;
/** Of nobody that drivers would know. */
const SOME_VENDOR = 0x5a5a;
const MODERN_BAR = 4;
const COMMON_SIZE = 0x40;
/** The common configuration again, behind its own registers. */
const SECOND_COMMON: StructureAlias = { from: 0x800, to: 0, size: COMMON_SIZE };

const MS = 1_000_000;
const TINY = 4;
const HUGE = 1024;
const READS_A_CHANGE = 3;
const MAX_CHANGES = 12;
const ANNOUNCE_NS = 500 * MS;
/** Looks for buffers in a queue: the first few, and one behind each, are its driver’s beginnings. */
const LOOKS_BEFORE_RESET = 8;
const MAX_SCRIBBLE = 1 << 16;
const SCRIBBLE = 0x5a;
const LOOKS_BEFORE_UNPLUG = 8;
const CHANGE_NS = 300 * MS;
const MAX_LATE_CHANGES = 4;

/** Puts a vendor-specific capability in front of all others. */
function addFirst(config: ConfigSpace, name: string, type: number, bar: number, length = CAPABILITY): void {
  const first = config.get(CAPABILITIES_POINTER, 1);
  const links = capabilities(config).map(at => [at + 1, config.get(at + 1, 1)] as const);
  const base = config.addCapability(name, VENDOR_SPECIFIC, length, () => [
    { name: `${name}_LENGTH`, offset: 2, width: 1, value: length },
    { name: `${name}_TYPE`, offset: 3, width: 1, value: type },
    { name: `${name}_BAR`, offset: 4, width: 1, value: bar },
    { name: `${name}_SIZE`, offset: 12, width: 4, value: COMMON_SIZE },
  ]);
  // It was added behind the last one, which leads again where it led.
  for (const [link, next] of links) config.preset(link, 1, next);
  config.preset(base + 1, 1, first);
  config.preset(CAPABILITIES_POINTER, 1, base);
}

/** Appends a vendor's data, and a second structure of the kind that drivers want first. */
function addLast(config: ConfigSpace): void {
  config.addCapability('VENDOR_DATA', VENDOR_SPECIFIC, 12, () => [
    { name: 'VENDOR_DATA_LENGTH', offset: 2, width: 1, value: 12 },
    { name: 'VENDOR_DATA_TYPE', offset: 3, width: 1, value: VENDOR_DATA },
    { name: 'VENDOR_DATA_ID', offset: 4, width: 2, value: SOME_VENDOR },
    { name: 'VENDOR_DATA_BYTES', offset: 8, width: 4, value: 0x5a5a_5a5a },
  ]);
  config.addCapability('SECOND_COMMON', VENDOR_SPECIFIC, 16, () => [
    { name: 'SECOND_COMMON_LENGTH', offset: 2, width: 1, value: 16 },
    { name: 'SECOND_COMMON_TYPE', offset: 3, width: 1, value: COMMON_CONFIGURATION },
    { name: 'SECOND_COMMON_BAR', offset: 4, width: 1, value: MODERN_BAR },
    { name: 'SECOND_COMMON_OFFSET', offset: 8, width: 4, value: SECOND_COMMON.from },
    { name: 'SECOND_COMMON_SIZE', offset: 12, width: 4, value: SECOND_COMMON.size },
  ]);
}

function capabilities(config: ConfigSpace): readonly number[] {
  const list: number[] = [];
  for (let at = config.get(CAPABILITIES_POINTER, 1); at !== 0; at = config.get(at + 1, 1)) list.push(at);
  return list;
}

/** Devices that have wanted a reset: they work after it. */
const wereReset = new WeakSet<VariantDevice['transport']>();

/** Takes no buffer of the queue after so many looks for one. @param then what happens at that moment */
function stopAfter(queue: Virtqueue, looks: number, then: () => void): void {
  const pop = queue.pop.bind(queue);
  let count = 0;
  queue.pop = () => {
    if (++count < looks) return pop();
    // Whatever the ring says: who serves it has nothing to do.
    queue.pop = () => undefined;
    queue.available = () => false;
    queue.enableNotifications = () => false;
    then();
    return undefined;
  };
}

/** Variants of what devices look like, and of what becomes of them. */
export const SHAPES = {
  'modern-only': {
    what: 'the interface of version 1 alone',
    provokes: ['4.1.2.1/match-modern', '4.1.4.1/long-structure', '2.5.1/no-size-limit', '2.5.1/large-enough'],
    interface: 'modern',
  },
  'legacy-only': {
    what: 'the legacy interface alone',
    interface: 'legacy',
  },
  transitional: {
    what: 'both interfaces, and the device ids of transitional devices',
    provokes: ['4.1.2.1/match-transitional'],
    interface: 'transitional',
  },
  'no-msix': {
    what: 'one interrupt line for everything',
    provokes: ['4.1.5.1.2.2/any-table-size', '4.1.5.4.2/shared-interrupt'],
    vectors: 0,
  },
  'few-vectors': {
    what: 'two MSI-X vectors, whatever the number of queues',
    provokes: ['4.1.5.1.2.2/any-table-size'],
    vectors: 2,
  },
  'tiny-queues': { what: 'queues of 4 entries', queueSize: () => TINY },
  'huge-queues': { what: 'queues of 1024 entries', queueSize: size => Math.max(size, HUGE) },
  'odd-revision': {
    what: 'a PCI revision that is neither 0 nor 1',
    provokes: ['4.1.2.1/any-revision'],
    interface: 'modern',
    prepare: ({ transport }) => {
      if (transport instanceof VirtioPci) transport.config.preset(REVISION_ID, 1, 0x5a);
    },
  },
  'odd-capabilities': {
    what: 'a capability of a reserved type, one that comes a second time, and a vendor’s own',
    provokes: ['4.1.4.1/reserved-type'],
    interface: 'modern',
    alias: SECOND_COMMON,
    prepare: ({ transport }) => {
      if (!(transport instanceof VirtioPci)) return;
      addLast(transport.config);
      addFirst(transport.config, 'ODD_TYPE', RESERVED_TYPE, MODERN_BAR);
    },
  },
  'long-capabilities': {
    what: 'a capability that is longer than drivers know',
    provokes: ['4.1.4.1/long-capability'],
    interface: 'modern',
    prepare: ({ transport }) => {
      if (!(transport instanceof VirtioPci)) return;
      addFirst(transport.config, 'LONG', COMMON_CONFIGURATION, MODERN_BAR, LONG_CAPABILITY);
    },
  },
  'reserved-bars': {
    what: 'a capability with a reserved BAR',
    provokes: ['4.1.4.1/reserved-bar'],
    interface: 'modern',
    prepare: ({ transport }) => {
      if (!(transport instanceof VirtioPci)) return;
      addFirst(transport.config, 'ODD_BAR', COMMON_CONFIGURATION, RESERVED_BAR);
    },
  },
  'needs-reset': {
    what: 'DEVICE_NEEDS_RESET, once, after a few buffers',
    provokes: ['2.1.1/needs-reset'],
    hopeless: true,
    late: true,
    queue: (queue, _index, { transport, acted }) => {
      if (wereReset.has(transport)) return;
      stopAfter(queue, LOOKS_BEFORE_RESET, () => {
        acted();
        wereReset.add(transport);
        transport.device.status |= Status.DEVICE_NEEDS_RESET;
        transport.configInterrupt();
      });
    },
  },
  'hot-unplug': {
    what: 'the device is taken away after a few buffers',
    hopeless: true,
    late: true,
    queue: (queue, _index, { unplug, clock, acted }) => {
      // Not in the middle of what the device is doing.
      const timer = clock.timer(() => {
        acted();
        unplug();
      });
      stopAfter(queue, LOOKS_BEFORE_UNPLUG, () => timer.arm(clock.now()));
    },
  },
  'discard-scribbles': {
    what: 'sectors that were discarded read as anything',
    provokes: ['5.2.6.1/discarded'],
    late: true,
    prepare: ({ type, acted }) => {
      if (!(type instanceof VirtioBlk)) return;
      const { backend } = type;
      const discard = backend.discard.bind(backend);
      backend.discard = (offset, length, done) =>
        discard(offset, length, result => {
          acted();
          if (result) done(result);
          else backend.write(offset, [new Uint8Array(Math.min(length, MAX_SCRIBBLE)).fill(SCRIBBLE)], done);
        });
    },
  },
  'config-changes': {
    what: 'the configuration changes while it is read, and later',
    prepare: ({ transport, type, clock }) => {
      if (!(type instanceof VirtioBlk || type instanceof VirtioNet)) return;
      const read = type.config.read.bind(type.config);
      let left = MAX_LATE_CHANGES;
      const timer = clock.timer(() => {
        if (transport.device.status & Status.DRIVER_OK) {
          transport.device.configChanged();
          left--;
        }
        if (left > 0) timer.arm(clock.now() + CHANGE_NS);
      });
      timer.arm(CHANGE_NS);
      let reads = 0;
      let changes = 0;
      type.config.read = (offset, size) => {
        const value = read(offset, size);
        if (++reads % READS_A_CHANGE === 0 && changes < MAX_CHANGES) {
          changes++;
          transport.device.configChanged();
        }
        return value;
      };
    },
  },
  announce: {
    what: 'network cards ask their drivers to announce themselves',
    late: true,
    prepare: ({ transport, type, clock, acted }) => {
      if (!(type instanceof VirtioNet)) return;
      const timer = clock.timer(() => {
        if (!(transport.device.status & Status.DRIVER_OK)) {
          timer.arm(clock.now() + ANNOUNCE_NS);
          return;
        }
        acted();
        type.announcing = true;
        transport.device.configChanged();
      });
      timer.arm(ANNOUNCE_NS);
    },
  },
} as const satisfies Readonly<Record<string, Variant>>;
