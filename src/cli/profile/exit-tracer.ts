import { hex } from '../../errors.js';
import { lookupAddress, type ExitEvent, type Point, type ProfileEvent } from '../../profile/format.js';
import type { ExitFilter } from './exit-filter.js';
import { formatNs, formatTime } from './format-values.js';

/** What a tracer needs to know of the recording. */
interface Points {
  readonly points: readonly Point[];
}

/**
 * One line an exit, as strace writes system calls:
 * `0.012345 vcpu0 pio write com1.THR 0x41 put_char+0x1c <4.20us> after 12.3us`
 */
export class ExitTracer {
  /**
   * @param nameOf the function of an address, where it is known
   * @param write takes whole lines
   */
  constructor(
    private readonly filter: ExitFilter,
    private readonly nameOf: (address: bigint) => string | undefined,
    private readonly write: (lines: string) => void,
  ) {}

  trace(events: readonly ProfileEvent[], recording: Points): void {
    let lines = '';
    for (const event of events) {
      const line = this.line(event, recording);
      if (line !== undefined) lines += `${line}\n`;
    }
    if (lines !== '') this.write(lines);
  }

  private line(event: ProfileEvent, { points }: Points): string | undefined {
    const { filter } = this;
    switch (event.kind) {
      case 'exit': {
        const point = points[event.point];
        return filter.site(point.site) ? this.exitLine(event, point) : undefined;
      }
      case 'interrupt': {
        if (!filter.other('interrupt')) return undefined;
        const where = event.how === 'msi' ? `to APIC ${event.destination}` : `vcpu${event.destination}`;
        return `${formatTime(event.time)} interrupt ${event.how} vector ${hex(event.vector)} ${where}`;
      }
      case 'milestone':
        return filter.other('milestone') ? `${formatTime(event.time)} milestone ${event.name}` : undefined;
      case 'request':
        return filter.other('request')
          ? `${formatTime(event.time)} request ${event.name} ${event.bytes} bytes <${formatNs(event.durationNs)}>`
          : undefined;
    }
  }

  private exitLine({ time, value, hostNs, guestNs }: ExitEvent, point: Point): string {
    const { site, vcpu, rip } = point;
    const parts = [formatTime(time), `vcpu${vcpu}`, site.reason];
    if (site.direction !== 'none') {
      const register = site.register === '' ? '' : `.${site.register}`;
      const where = site.device === '' ? `nobody ${hex(site.address)}` : `${site.device}${register}`;
      parts.push(site.direction, where, `${site.size}:${hex(value)}`);
    } else if (site.reason === 'eoi') {
      parts.push(`vector ${hex(site.address)}`);
    }
    if (rip !== 0n) parts.push(this.nameOf(lookupAddress(point)) ?? hex(rip));
    parts.push(`<${formatNs(hostNs)}>`, `after ${formatNs(guestNs)}`);
    return parts.join(' ');
  }
}
