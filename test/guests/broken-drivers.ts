import type { MachineOptions } from 'tsvmm';

/** Feature bits (virtio 1.4, 6 and 5.1.3, 5.2.3, 5.3.3). */
const INDIRECT = 1n << 28n;
const EVENT_IDX = 1n << 29n;
const ACCESS_PLATFORM = 1n << 33n;
const PACKED = 1n << 34n;
const IN_ORDER = 1n << 35n;
const ORDER_PLATFORM = 1n << 36n;
const NOTIFICATION_DATA = 1n << 38n;
const NOTIF_CONFIG_DATA = 1n << 39n;
const RING_RESET = 1n << 40n;
const RO = 1n << 5n;
const FLUSH = 1n << 9n;
const CONFIG_WCE = 1n << 11n;
const DISCARD = 1n << 13n;
const WRITE_ZEROES = 1n << 14n;
const BLK = FLUSH | CONFIG_WCE | DISCARD | WRITE_ZEROES;
const BLK_MQ = 1n << 12n;
const MULTIPORT = 1n << 1n;
const CSUM = 1n << 0n;
const GUEST_OFFLOADS = 1n << 2n;
const MTU = 1n << 3n;
const MAC = 1n << 5n;
const GUEST_TSO4 = 1n << 7n;
const HOST_TSO4 = 1n << 11n;
const HOST_TSO6 = 1n << 12n;
const HOST_ECN = 1n << 13n;
const MRG_RXBUF = 1n << 15n;
const STATUS = 1n << 16n;
const CTRL_VQ = 1n << 17n;
const CTRL_RX = 1n << 18n;
const CTRL_RX_EXTRA = 1n << 20n;
const GUEST_ANNOUNCE = 1n << 21n;
const MQ = 1n << 22n;
const CTRL_MAC_ADDR = 1n << 23n;
const HDRLEN = 1n << 59n;
const SPEED_DUPLEX = 1n << 63n;
const NET = MAC | STATUS | MTU;
const CONTROL = CTRL_VQ | CTRL_RX | CTRL_RX_EXTRA;

export type DeviceName = 'rng' | 'blk' | 'console' | 'net' | 'chips';

/** How guests/drivers is run: with which device, by which features it wants, and what the machine is like. */
export interface DriverSetup {
  readonly device: DeviceName;
  readonly want: bigint;
  /** Of the devices; `split-ring` by default, since a driver should take packed ones where they are offered. */
  readonly variant?: string;
  readonly mmio?: true;
  readonly readOnly?: true;
  readonly mtu?: number;
  readonly queues?: number;
  /** What it is to do besides. */
  readonly task?: 'idle' | 'both-queues' | 'follow' | 'receive' | 'answer' | 'announce';
  /** It has an interrupt handler. */
  readonly interrupts?: true;
  /** Requests to a source of entropy, instead of 32. */
  readonly rounds?: number;
}

const rng = (want = 0n, more: Partial<DriverSetup> = {}): DriverSetup => ({ device: 'rng', want, ...more });
const packed = (want = 0n, more: Partial<DriverSetup> = {}): DriverSetup =>
  rng(PACKED | want, { variant: 'plain', ...more });
const mmio = (more: Partial<DriverSetup> = {}): DriverSetup => rng(0n, { mmio: true, ...more });
const blk = (want = BLK, more: Partial<DriverSetup> = {}): DriverSetup => ({ device: 'blk', want, ...more });
const consoles = (want = MULTIPORT): DriverSetup => ({ device: 'console', want });
const chips: DriverSetup = { device: 'chips', want: 0n };
const net = (want = NET, more: Partial<DriverSetup> = {}): DriverSetup => ({
  device: 'net',
  want,
  mtu: 1500,
  ...more,
});

/** Each rule that a driver can break where it shows, and a driver that breaks it. */
export const BROKEN: Readonly<Record<string, DriverSetup>> = {
  '2.1.1/steps-by-status': rng(),
  '2.1.1/never-clears': rng(),
  '2.1.1/reset-after-failed': rng(),
  '2.2.1/only-offered': rng(),
  '2.2.1/dependencies': net(NET | GUEST_TSO4),
  '2.2.1/validates': rng(),
  '2.4.2/reset-complete': rng(),
  '2.5.1/optional-fields': blk(),
  '2.6.1.1.2/verify-reset': rng(RING_RESET),
  '2.6.1.2.2/configure-again': rng(RING_RESET),
  '3.1.1/sequence': rng(),
  '3.1.1/config-read-only': blk(),
  '3.1.1/features-final': rng(),
  '3.1.1/no-early-notify': rng(),
  '3.3.1/exposed-unaltered': net(),
  '3.3.1/reset-before-removal': net(NET, { mmio: true }),
  '6.1/version-1': rng(),
  '6.1/physical-addresses': rng(),
  '6.1/packed': rng(0n, { variant: 'plain' }),
  '2.7.1/alignment': rng(),
  '2.7.4.2/readable-first': rng(),
  '2.7.4.2/few-descriptors': rng(),
  '2.7.5.2/no-loops': rng(),
  '2.7.5.2/in-order-next': rng(IN_ORDER),
  '2.7.5.3.1/indirect-negotiated': rng(),
  '2.7.5.3.1/no-nesting': rng(INDIRECT),
  '2.7.5.3.1/chain-length': rng(INDIRECT),
  '2.7.5.3.1/indirect-or-next': rng(INDIRECT),
  '2.7.5.3.1/in-order-indirect': rng(INDIRECT | IN_ORDER),
  '2.7.6.1/idx-forward': rng(),
  '2.7.7.1/flags-0-or-1': rng(),
  '2.7.7.1/flags-0': rng(EVENT_IDX),
  '2.7.10.1/used-flags-init': rng(),
  '2.7.10.1/no-notify-flag': rng(0n, { variant: 'polling-device' }),
  '2.7.10.1/notify-flag': rng(),
  '2.7.10.1/notify-event': rng(EVENT_IDX),
  '2.7.10.1/no-notify-event': rng(EVENT_IDX),
  '2.8.11/alignment': packed(),
  '2.8.16/waits-for-used': packed(0n, { variant: 'delayed-used' }),
  '2.8.16/no-change-after-avail': net(NET | PACKED, { variant: 'plain' }),
  '2.8.16/next-offset': packed(NOTIFICATION_DATA),
  '2.8.17/list-allowed': blk(BLK | PACKED, { variant: 'tiny-queues' }),
  '2.8.17/list-queue-size': packed(),
  '2.8.17/readable-first': packed(),
  '2.8.17/space-first': net(NET | PACKED, { variant: 'plain' }),
  '2.8.19/indirect-negotiated': packed(),
  '2.8.19/indirect-flags': packed(INDIRECT),
  '2.8.19/indirect-length': packed(INDIRECT),
  '2.8.19/no-indirect-in-list': packed(INDIRECT),
  '4.1.3.1/field-width': rng(),
  '4.1.4.1/capability-read-only': rng(),
  '4.1.4.3.2/read-only-fields': rng(),
  '4.1.4.3.2/packed-size': packed(),
  '4.1.4.3.2/split-size': rng(),
  '4.1.4.3.2/enable-last': rng(),
  '4.1.4.3.2/waits-for-reset': rng(),
  '4.1.4.3.2/no-disable': rng(),
  '4.1.4.5.2/no-isr-with-msix': rng(),
  '4.1.4.9.2/window-aligned': rng(),
  '4.1.4.9.2/window-in-structure': rng(),
  '4.1.5.1.2.2/vector-in-table': rng(),
  '4.1.5.1.2.2/verifies-vector': rng(),
  '4.1.5.2.1/notify-16': rng(),
  '4.1.5.2.1/notify-32': rng(NOTIFICATION_DATA),
  '4.1.5.2.1/notify-index': rng(),
  '4.1.5.2.1/notify-data-index': rng(NOTIFICATION_DATA),
  '4.2.2.2/known-offsets': mmio(),
  '4.2.2.2/read-only': mmio(),
  '4.2.2.2/write-only': mmio(),
  '4.2.2.2/control-width': mmio(),
  '4.2.2.2/config-width': blk(BLK, { mmio: true }),
  '4.2.2.2/select-device': mmio(),
  '4.2.2.2/select-driver': mmio(),
  '4.2.2.2/queue-size': mmio(),
  '4.2.2.2/ready-untouched': mmio(),
  '4.2.2.2/not-ready-read-back': mmio(),
  '4.2.2.2/acknowledges': mmio(),
  '4.2.3.1.1/magic-first': mmio(),
  '4.2.3.1.1/device-id-next': mmio(),
  '4.2.3.1.1/no-shared-memory': mmio(),
  '4.2.3.4.1/reads-status': mmio(),
  '4.2.3.4.1/acknowledges-after': mmio(),
  '5.1.4.2/config-read-only': net(),
  '5.1.4.2/mac': net(STATUS | MTU),
  '5.1.4.2/uses-mac': net(),
  '5.1.4.2/link-status': net(),
  '5.1.4.2/mtu': net(MAC | STATUS),
  '5.1.4.2/mtu-buffers': net(),
  '5.1.4.2/mtu-send': net(),
  '5.1.4.2/rx-extra': net(NET | CTRL_RX_EXTRA),
  '5.1.9.2.1/header-size': net(),
  '5.1.9.2.1/num-buffers': net(),
  '5.1.9.2.1/no-csum-flags': net(),
  '5.1.9.2.1/no-csum-complete': net(),
  '5.1.9.2.1/tso4': net(NET | CSUM | HOST_TSO6),
  '5.1.9.2.1/tso6': net(NET | CSUM | HOST_TSO4),
  '5.1.9.2.1/ufo': net(NET | CSUM | HOST_TSO4),
  '5.1.9.2.1/uso': net(NET | CSUM | HOST_TSO4),
  '5.1.9.2.1/ecn': net(NET | CSUM | HOST_TSO4),
  '5.1.9.2.1/pseudo-header': net(NET | CSUM),
  '5.1.9.2.1/csum-place': net(NET | CSUM),
  '5.1.9.2.1/no-gso': net(),
  '5.1.9.2.1/gso-csum': net(NET | CSUM | HOST_TSO4),
  '5.1.9.2.1/hdr-len-exact': net(NET | CSUM | HOST_TSO4 | HDRLEN, { variant: 'header-length' }),
  '5.1.9.2.1/hdr-len': net(NET | CSUM | HOST_TSO4),
  '5.1.9.2.1/accepts-hdrlen': net(NET, { variant: 'header-length' }),
  '5.1.9.2.1/no-data-valid': net(),
  '5.1.9.3.1/large-buffers': net(NET | CSUM | (1n << 1n) | GUEST_TSO4),
  '5.1.9.3.1/buffers': net(),
  '5.1.9.3.1/merged-buffers': net(NET | MRG_RXBUF),
  '5.1.9.3.1/mq-buffers': net(NET | CTRL_VQ | MQ, { queues: 2 }),
  '5.1.9.5.1.2/rx': net(NET | CTRL_VQ),
  '5.1.9.5.1.2/rx-extra': net(NET | CTRL_VQ | CTRL_RX),
  '5.1.9.5.2.2/mac-class': net(NET | CTRL_VQ),
  '5.1.9.5.2.2/mac-set': net(NET | CONTROL | CTRL_MAC_ADDR),
  '5.1.9.5.2.2/mac-table': net(NET | CONTROL),
  '5.1.9.5.6.1/configured-first': net(NET | CTRL_VQ | MQ, { queues: 2 }),
  '5.1.9.5.6.1/pairs-range': net(NET | CTRL_VQ | MQ, { queues: 2 }),
  '5.1.9.5.6.1/first-queue': net(NET | CTRL_VQ | MQ, { queues: 2 }),
  '5.1.9.5.6.1/enabled-queues': net(NET | CTRL_VQ | MQ, { queues: 2 }),
  '5.1.9.5.9.2/offloads': net(NET | CTRL_VQ | GUEST_OFFLOADS),
  '5.2.5.1/flush-means-it': blk(),
  '5.2.5.1/writeback-assumed': blk(FLUSH),
  '5.2.5.1/writeback-late': blk(),
  '5.2.6.1/within-capacity': blk(),
  '5.2.6.1/flush-sector': blk(),
  '5.2.6.1/flush-data': blk(),
  '5.2.6.1/whole-sectors': blk(),
  '5.2.6.1/whole-ranges': blk(),
  '5.2.6.1/id-length': blk(),
  '5.2.6.1/discard-ranges': blk(),
  '5.2.6.1/zeroes-ranges': blk(),
  '5.2.6.1/discard-unmap': blk(),
  '5.3.6.1/receive-writable': consoles(),
  '5.3.6.1/transmit-readable': consoles(),
  '5.3.6.2.2/ready': consoles(),
  '5.4.6.1/writable': rng(),
};

/** The same of drivers of chips, each of which breaks its rule in one boot with the others: a chip is none the worse for it. */
export const BROKEN_CHIPS: Readonly<Record<string, DriverSetup>> = {
  // It shows itself by what is sent first.
  '16550/8.3/loads-divisor': chips,
  '16550/8.1/dlab': chips,
  '16550/8.4/lsr-read-only': chips,
  '16550/8.5/fcr-enable': chips,
  'hpet/2.3.2/boundaries': chips,
  'hpet/2.3.2/read-only': chips,
  'hpet/2.3.5/preserves-reserved': chips,
  'hpet/2.3.6/edge-status-0': chips,
  'hpet/2.3.6/reserved': chips,
  'hpet/2.3.7/halted': chips,
  'hpet/2.3.8/valid-route': chips,
  'hpet/2.3.8/val-set': chips,
  'hpet/2.3.8/reserved': chips,
  'hpet/2.3.8/unimplemented': chips,
  'ioapic/3.0/window-dword': chips,
  'ioapic/3.2.4/reserved-mode': chips,
  'ioapic/3.2.4/edge-mode': chips,
  'ioapic/3.2.4/smi-vector': chips,
  'ioapic/3.2.4/vector-range': chips,
  'lapic/11.4.1/aligned': chips,
  'lapic/11.5.2/vector': chips,
  'lapic/11.5.3/reserved': chips,
  'lapic/11.8.5/in-service': chips,
  'acpi/4.6.1/event-reserved': chips,
  'acpi/4.6.1/control-reserved': chips,
  'acpi/4.8.3.2.1/sci-en': chips,
};

/**
 * Rules that show themselves where a variant of the devices provokes drivers, and a driver that breaks each: where
 * nothing but its end shows it, by that.
 */
export const PROVOKED: Readonly<Record<string, DriverSetup>> = {
  '2.1.1/needs-reset': rng(0n, { variant: 'needs-reset' }),
  '2.2.1/compatible': rng(0n, { variant: 'reserved-features' }),
  '2.2.1/unknown-is-fine': rng(0n, { variant: 'reserved-features' }),
  '2.2.1/reserved-bits': rng(0n, { variant: 'reserved-features' }),
  '2.5.1/no-size-limit': rng(0n, { variant: 'modern-only' }),
  '2.5.1/large-enough': rng(0n, { variant: 'modern-only' }),
  '2.5.1/generation': blk(),
  '3.1.1/failed': rng(0n, { variant: 'packed-ring-only' }),
  '3.1.1/stops-when-failed': rng(0n, { variant: 'packed-ring-only' }),
  '6.1/access-platform': rng(ACCESS_PLATFORM, { variant: 'access-platform' }),
  '6.1/notif-config-data': rng(NOTIF_CONFIG_DATA, { variant: 'notif-config-data' }),
  '6.1/order-platform': rng(ORDER_PLATFORM, { variant: 'order-platform' }),
  '6.1/no-sr-iov': rng(0n, { variant: 'reserved-features' }),
  '2.7.7.1/spurious': rng(0n, { variant: 'spurious-interrupts', interrupts: true, task: 'idle' }),
  '2.7.8.2/beyond-len': rng(0n, { variant: 'short-writes' }),
  '2.7.10.1/ignores-avail-event': rng(0n, { variant: 'odd-event-index' }),
  '2.7.10.1/ignores-flags': rng(EVENT_IDX, { variant: 'odd-used-flags' }),
  '2.8.17/one-used-descriptor': packed(0n, { variant: 'packed-ring-only' }),
  '4.1.2.1/match-modern': rng(0n, { variant: 'modern-only' }),
  '4.1.2.1/any-revision': rng(0n, { variant: 'odd-revision' }),
  '4.1.2.1/match-transitional': rng(0n, { variant: 'transitional' }),
  '4.1.4.1/long-structure': rng(0n, { variant: 'modern-only' }),
  '4.1.4.1/reserved-type': rng(0n, { variant: 'odd-capabilities' }),
  '4.1.4.1/first-instance': rng(0n, { variant: 'odd-capabilities' }),
  '4.1.4.1/long-capability': rng(0n, { variant: 'long-capabilities' }),
  '4.1.4.1/reserved-bar': rng(0n, { variant: 'reserved-bars' }),
  '4.1.4.3.2/waits-for-queue-reset': rng(RING_RESET, { variant: 'slow-resets' }),
  '4.1.4.8.2/vendor-id': rng(0n, { variant: 'odd-capabilities' }),
  '4.1.5.1.2.2/any-table-size': rng(0n, { variant: 'no-msix' }),
  '4.1.5.4.2/shared-interrupt': rng(0n, { variant: 'no-msix' }),
  '4.2.2.2/magic': mmio({ variant: 'wrong-magic' }),
  '4.2.2.2/version': mmio({ variant: 'wrong-version' }),
  '4.2.2.2/device-0': mmio({ variant: 'placeholders' }),
  '4.2.2.2/undefined-bits': mmio({ variant: 'odd-interrupt-status' }),
  '4.2.2.2/waits-for-queue-reset': rng(RING_RESET, { mmio: true, variant: 'slow-resets' }),
  '4.2.3.4.1/all-queues': blk(BLK | BLK_MQ, {
    mmio: true,
    variant: 'coalesced-interrupts',
    queues: 2,
    interrupts: true,
    task: 'both-queues',
  }),
  '5.1.4.2/local-mac': net(STATUS | MTU, { variant: 'no-mac' }),
  '5.1.4.2/speed': net(NET | SPEED_DUPLEX, { variant: 'odd-speed' }),
  '5.1.4.2/speed-again': net(NET | SPEED_DUPLEX, { variant: 'config-changes', task: 'follow' }),
  '5.1.9.4.1/unknown-flags': net(NET, { variant: 'odd-receive-headers', task: 'receive' }),
  '5.1.9.4.1/csum-fields': net(NET, { variant: 'odd-receive-headers', task: 'receive' }),
  '5.1.9.4.1/hdr-len-untrusted': net(NET, { variant: 'odd-receive-headers', task: 'receive' }),
  '5.1.9.4.1/csum-untrusted': net(NET, { variant: 'bad-checksums', task: 'answer' }),
  '5.1.9.5.4.1/announces': net(NET | CTRL_VQ | GUEST_ANNOUNCE, { variant: 'announce', task: 'announce' }),
  '5.1.9.5.4.1/announce-ack': net(NET | CTRL_VQ | GUEST_ANNOUNCE, { variant: 'announce', task: 'announce' }),
  '5.2.6.1/read-only': blk(RO, { readOnly: true }),
  '5.2.6.1/capacity-again': blk(BLK, { variant: 'config-changes', task: 'follow' }),
  '5.2.6.1/discarded': blk(BLK, { variant: 'discard-scribbles' }),
  '5.3.6.2.2/console-port': consoles(),
  '5.4.6.1/length': rng(0n, { variant: 'short-writes' }),
};

/** Drivers that keep every rule, by what they use. */
export const CORRECT: Readonly<Record<string, DriverSetup>> = {
  'split queues': rng(),
  'split queues, event index': rng(EVENT_IDX),
  'split queues, indirect, in order': rng(INDIRECT | IN_ORDER),
  'split queues, notification data, queue reset': rng(NOTIFICATION_DATA | RING_RESET),
  'split queues, more buffers than an index counts': rng(0n, { rounds: 66_000 }),
  'packed queues, buffers one by one': packed(0n, { variant: 'trickled-used' }),
  'split queues, an event index that moves': rng(EVENT_IDX, { variant: 'shifting-event-index' }),
  'packed queues, slow resets': packed(RING_RESET, { variant: 'slow-resets' }),
  'a device that is taken away': packed(0n, { variant: 'hot-unplug', rounds: 100 }),
  'split queues of a device that polls': rng(0n, { variant: 'polling-device' }),
  'packed queues': packed(),
  'packed queues, indirect, notification data, queue reset': packed(
    INDIRECT | NOTIFICATION_DATA | RING_RESET,
  ),
  'packed queues, buffers late': packed(0n, { variant: 'delayed-used' }),
  'packed queues alone': packed(0n, { variant: 'packed-ring-only' }),
  'access platform': packed(ACCESS_PLATFORM, { variant: 'access-platform' }),
  'order platform': packed(ORDER_PLATFORM, { variant: 'order-platform' }),
  'reserved features': packed(0n, { variant: 'reserved-features' }),
  MMIO: mmio(),
  'a PC’s chips': chips,
  'a disk': blk(),
  'a disk, packed queue': blk(BLK | PACKED, { variant: 'plain' }),
  'a disk, by MMIO': blk(BLK, { mmio: true }),
  'a disk that is read-only': blk(RO, { readOnly: true }),
  'a disk without a cache to be chosen': blk(FLUSH),
  'a console': consoles(),
  'a console of one port': consoles(0n),
  'a network card': net(),
  'a network card, offloads, control queue': net(
    NET | CSUM | HOST_TSO4 | HOST_ECN | MRG_RXBUF | CONTROL | CTRL_MAC_ADDR | GUEST_OFFLOADS,
  ),
  'a network card, large receive buffers': net(NET | CSUM | (1n << 1n) | GUEST_TSO4),
  'a network card, two pairs of queues': net(NET | CTRL_VQ | MQ, { queues: 2 }),
  'a network card, header length': net(NET | CSUM | HOST_TSO4 | HDRLEN | PACKED, {
    variant: 'header-length',
  }),
};

/** The clause of a row: of virtio, where the row does not say what else. */
export function clauseOf(row: string): string {
  return row.split('/').length === 2 ? `virtio/${row}` : row;
}

/** The machine for a driver. @param disk a disk's image */
export function machineOf(
  setup: DriverSetup,
  disk: string,
  broken?: string,
  strict = false,
): Omit<MachineOptions, 'kernel'> {
  const {
    device,
    want,
    variant = 'split-ring',
    mmio: byMmio,
    readOnly,
    mtu,
    queues,
    task,
    interrupts,
    rounds,
  } = setup;
  const parts = [`device=${device}`, `want=0x${want.toString(16)}`];
  if (task) parts.push(`task=${task}`);
  if (interrupts) parts.push('interrupts=1');
  if (rounds !== undefined) parts.push(`rounds=${rounds}`);
  if (byMmio) parts.push('transport=mmio');
  if (broken !== undefined) parts.push(`break=${broken}`);
  if (strict) parts.push('strict=1');
  return {
    accel: 'wasm',
    // What the rules take for forgotten is a matter of time: of the guest's own, and not of the host's.
    icount: { shift: 10 },
    append: parts.join(' '),
    driverCheck: { variant },
    memory: '64M',
    ...(byMmio && { machine: { type: 'pc', autoKernelCmdline: false }, pci: false }),
    ...(device === 'rng' && { rng: true }),
    ...(device === 'chips' && { hpet: true, serialPorts: 2 }),
    ...(device === 'blk' && {
      disks: [{ file: disk, ...(readOnly && { readOnly }), ...(queues !== undefined && { queues }) }],
    }),
    ...(device === 'console' && { consoles: [{}] }),
    ...(device === 'net' && {
      networks: [
        {
          type: 'none',
          ...(mtu !== undefined && { mtu }),
          ...(queues !== undefined && { queues }),
        },
      ],
    }),
  };
}
