import { SiteRole } from './site-table.js';

/** Milestones of one recording by guests' own writes. A guest must not fill the file. */
const MAX_MARKERS = 1024;
const MAX_LINE = 200;
const DRIVER_OK = 4;
const NEWLINE = 10;

/**
 * Finds the milestones of a boot in what a guest does: each device's DRIVER_OK, the first serial byte, the first packet sent and
 * received, and the guest's own markers: lines on the debug console (port 0xE9) and changes of the POST code (port 0x80).
 */
export class MilestoneFinder {
  private readonly seen = new Set<string>();
  /** Network cards that have sent and received. */
  private readonly carriedBoth = new Set<string>();
  private markers = 0;
  private line = '';
  private postCode = -1;

  constructor(private readonly reach: (name: string) => void) {}

  /** A site has come up for the first time. */
  newSite(device: string, register: string): void {
    if (register === 'THR') this.once(`${device} first byte`);
  }

  /** A write to a site with a role. */
  written(role: number, device: () => string, value: number): void {
    switch (role) {
      case SiteRole.VIRTIO_STATUS:
        if (value & DRIVER_OK) this.once(`${device()} driver_ok`);
        break;
      case SiteRole.DEBUG_CONSOLE:
        this.debugByte(value & 0xff);
        break;
      case SiteRole.POST_CODE:
        if (value !== this.postCode) this.mark(`POST code 0x${value.toString(16).padStart(2, '0')}`);
        this.postCode = value;
        break;
    }
  }

  /** A device is through with a request. */
  request(device: string, what: string): void {
    if (this.carriedBoth.has(device) || !device.startsWith('virtio-net')) return;
    const [sent, received] = [`${device} first packet sent`, `${device} first packet received`];
    if (what === 'send') this.once(sent);
    if (what === 'receive') this.once(received);
    if (this.seen.has(sent) && this.seen.has(received)) this.carriedBoth.add(device);
  }

  once(name: string): void {
    if (this.seen.has(name)) return;
    this.seen.add(name);
    this.reach(name);
  }

  private debugByte(byte: number): void {
    if (byte !== NEWLINE) {
      if (this.line.length < MAX_LINE) this.line += String.fromCharCode(byte);
      return;
    }
    if (this.line !== '') this.mark(this.line);
    this.line = '';
  }

  private mark(name: string): void {
    if (this.markers++ < MAX_MARKERS) this.reach(name);
  }
}
