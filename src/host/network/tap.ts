import { closeSync, constants, openSync, writevSync } from 'node:fs';
import { ConfigError } from '../../errors.js';
import type { NetBackend, NetCard, Offload, OffloadSupport } from '../../net/backend.js';
import { MAX_FRAME } from '../../net/cable.js';
import {
  blankOffload,
  FRAME_HEADER_SIZE,
  isPlain,
  readOffload,
  writeOffload,
} from '../../net/frame-header.js';
import * as libc from '../libc.js';
import { systemErrorText } from '../system-error.js';
import { readiness } from './readiness.js';

const TUN_DEVICE = '/dev/net/tun';

/** linux/if_tun.h */
const TUNSETIFF = 0x4004_54ca;
const TUNSETOFFLOAD = 0x4004_54d0;
const TUNSETVNETHDRSZ = 0x4004_54d8;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Checksums and TCP segments; UDP segments, which kernels know since 6.2. */
const TUN_F_TCP = 1 | 2 | 4 | 8;
const TUN_F_USO = 0x20 | 0x40;

/** struct ifreq: a name of 16 bytes, then what each call has to say. */
const IFREQ_SIZE = 40;
const IFNAMSIZ = 16;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFMTU = 0x8921;
const IFF_UP = 1;

const AF_INET = 2;
const SOCK_DGRAM = 2;

/** errno-base.h */
const EPERM = 1;
const ENODEV = 19;
const EBUSY = 16;
const EINVAL = 22;

/** Frames that are read before the thread looks at something else. */
const FRAMES_A_TURN = 64;

/**
 * An Ethernet interface of the host, of Linux's tap device: frames come and go with all that is left to do of them.
 */
export class Tap implements NetBackend {
  private card!: NetCard;
  private readonly buffer = new Uint8Array(FRAME_HEADER_SIZE + MAX_FRAME);
  private readonly view = new DataView(this.buffer.buffer);
  private readonly offload = blankOffload();
  private readonly header = new Uint8Array(FRAME_HEADER_SIZE);
  private readonly headerView = new DataView(this.header.buffer);
  /** Bytes of a frame that was read and that the card had no room for. */
  private held = 0;
  private closed = false;
  private readonly readNow = (): void => this.read();

  private constructor(
    private readonly fd: number,
    /** The interface's name. */
    readonly name: string,
    readonly accepts: OffloadSupport,
    readonly mtu: number | undefined,
  ) {}

  /**
   * Opens the interface `name`, or a new one when there is none of that name; without a name the kernel chooses one.
   * @throws ConfigError that says why not
   */
  static open(name = ''): Tap {
    const fd = openDevice();
    try {
      const own = setInterface(fd, name);
      const size = Int32Array.of(FRAME_HEADER_SIZE);
      if (libc.ioctlStruct(fd, TUNSETVNETHDRSZ, new Uint8Array(size.buffer)) < 0)
        throw refused(own, 'TUNSETVNETHDRSZ');
      const udp = libc.ioctl(fd, TUNSETOFFLOAD, TUN_F_TCP | TUN_F_USO) === 0;
      if (!udp && libc.ioctl(fd, TUNSETOFFLOAD, TUN_F_TCP) < 0) throw refused(own, 'TUNSETOFFLOAD');
      return new Tap(fd, own, { checksum: true, tcp4: true, tcp6: true, udp }, bringUp(own));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  attach(card: NetCard): void {
    this.card = card;
    this.read();
  }

  transmit(frame: Uint8Array, offload?: Offload): void {
    writeOffload(this.headerView, 0, offload);
    try {
      writevSync(this.fd, [this.header, frame]);
    } catch {
      // The interface is down, or the kernel does not like the frame: it is lost, as on any network.
    }
  }

  onRoom(): void {
    if (this.held > 0) this.read();
  }

  close(): void {
    this.closed = true;
    readiness().unwatch(this.fd);
    closeSync(this.fd);
  }

  /** Hands on the frames that wait, until there are none or the card has no room. */
  private read(): void {
    if (this.closed) return;
    for (let left = FRAMES_A_TURN; left > 0; left--) {
      const size = this.held > 0 ? this.held : libc.read(this.fd, this.buffer, this.buffer.length);
      if (size < 0) {
        readiness().watch(this.fd, this.readNow);
        return;
      }
      this.held = this.receive(size) ? 0 : size;
      if (this.held > 0) return;
    }
    setImmediate(this.readNow);
  }

  private receive(size: number): boolean {
    const frame = this.buffer.subarray(FRAME_HEADER_SIZE, size);
    if (isPlain(this.view, 0)) return this.card.receive(frame);
    readOffload(this.view, 0, this.offload);
    return this.card.receive(frame, this.offload);
  }
}

function openDevice(): number {
  try {
    return openSync(TUN_DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const help = code === 'ENOENT' || code === 'ENODEV' ? ': is the kernel module tun loaded?' : '';
    throw new ConfigError(`tap: cannot open ${TUN_DEVICE}: ${systemErrorText(cause)}${help}`, {}, { cause });
  }
}

/** @returns the name that the kernel has given */
function setInterface(fd: number, name: string): string {
  const request = interfaceRequest(name);
  new DataView(request.buffer).setUint16(IFNAMSIZ, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
  if (libc.ioctlStruct(fd, TUNSETIFF, request) < 0) throw refused(name, 'TUNSETIFF');
  return Buffer.from(request.subarray(0, IFNAMSIZ)).toString().replace(/\0.*/s, '');
}

/**
 * Brings the interface up, if this user may: one that was made beforehand for somebody without the right is up already.
 * @returns its MTU
 */
function bringUp(name: string): number | undefined {
  const socket = libc.socket(AF_INET, SOCK_DGRAM, 0);
  if (socket < 0) return undefined;
  try {
    const request = interfaceRequest(name);
    const view = new DataView(request.buffer);
    if (libc.ioctlStruct(socket, SIOCGIFFLAGS, request) === 0) {
      view.setUint16(IFNAMSIZ, view.getUint16(IFNAMSIZ, true) | IFF_UP, true);
      libc.ioctlStruct(socket, SIOCSIFFLAGS, request);
    }
    return libc.ioctlStruct(socket, SIOCGIFMTU, request) === 0 ? view.getInt32(IFNAMSIZ, true) : undefined;
  } finally {
    libc.close(socket);
  }
}

function interfaceRequest(name: string): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(IFREQ_SIZE);
  request.set(Buffer.from(name).subarray(0, IFNAMSIZ - 1));
  return request;
}

const HELP: Readonly<Record<number, string>> = {
  [EPERM]:
    "this user may not: let somebody make it with 'ip tuntap add dev NAME mode tap user USER', or take --net user",
  [EBUSY]: 'somebody else is using it',
  [EINVAL]: 'there is an interface of that name that is no tap device, or not of one queue with one writer',
  [ENODEV]: 'the kernel has no such interface',
};

function refused(name: string, call: string): ConfigError {
  const error = libc.errno();
  const why = HELP[error] ?? libc.strerror(error);
  return new ConfigError(`tap ${name || '(a new one)'}: ${why} (${call})`, { name, call, errno: error });
}
