import { ConfigError } from '../../errors.js';
import { EXIT_REASONS, type ExitReason, type Site } from '../../profile/format.js';

/** What is not an exit is shown only to who asks for it. */
const NO_EXITS: readonly ExitReason[] = ['machine', 'idle', 'profiler'];
const OTHERS = ['interrupt', 'milestone', 'request', 'unclaimed'];

/**
 * Which exits to show: a list of reasons (`pio`, `eoi`, …), `interrupt`, `milestone`, `request`, `unclaimed`, devices and `device.register`,
 * separated by commas. Words with `!` take away; where there are only such, they take away from all.
 */
export class ExitFilter {
  private readonly wanted: ReadonlySet<string>;
  private readonly unwanted: ReadonlySet<string>;

  /** @throws ConfigError for an empty word */
  constructor(text: string) {
    const words = text === '' ? [] : text.split(',');
    if (words.some(word => word === '' || word === '!'))
      throw new ConfigError(`the filter '${text}' has an empty word: write com1,virtio-blk0,!eoi`);
    this.wanted = new Set(words.filter(word => !word.startsWith('!')));
    this.unwanted = new Set(words.filter(word => word.startsWith('!')).map(word => word.slice(1)));
  }

  site({ reason, device, register }: Site): boolean {
    const names = [reason, device === '' ? 'unclaimed' : device, `${device}.${register}`];
    if (names.some(name => this.unwanted.has(name))) return false;
    if (this.wanted.size === 0) return !NO_EXITS.includes(reason);
    return names.some(name => this.wanted.has(name));
  }

  other(kind: 'interrupt' | 'milestone' | 'request'): boolean {
    return !this.unwanted.has(kind) && (this.wanted.size === 0 || this.wanted.has(kind));
  }

  /** The words that name no reason: devices, if they exist. */
  get devices(): string[] {
    const known = new Set<string>([...EXIT_REASONS, ...OTHERS]);
    return [...this.wanted, ...this.unwanted]
      .filter(word => !known.has(word))
      .map(word => word.split('.', 1)[0]);
  }
}
