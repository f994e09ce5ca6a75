const CTRL_A = 0x01;

/** What the keys behind Ctrl-A do, for people. */
export const KEYS = [
  'Ctrl-A h   this list',
  'Ctrl-A x   end the run and leave tsvmm',
  'Ctrl-A a   send Ctrl-A to the guest',
  'Ctrl-A c   switch between the guest and the monitor',
] as const;

/**
 * Takes the keys that are meant for tsvmm out of what a person types: Ctrl-A and a letter, as in QEMU. Everything
 * else goes to the guest.
 */
export class EscapeKeys {
  private escaped = false;

  constructor(
    private readonly actions: {
      readonly quit: () => void;
      readonly help: () => void;
      readonly monitor: () => void;
    },
  ) {}

  /**
   * Passes what of `typed` is not for tsvmm to `take`, in pieces between the commands.
   */
  filter(typed: Uint8Array, take: (keys: Uint8Array) => void): void {
    const kept = new Uint8Array(typed.length);
    let count = 0;
    const passOn = (): void => {
      if (count > 0) take(kept.slice(0, count));
      count = 0;
    };
    for (const byte of typed) {
      if (this.escaped) {
        this.escaped = false;
        // What was typed before the command goes where it was typed.
        if (!isCtrlA(byte)) passOn();
        if (this.command(byte)) kept[count++] = CTRL_A;
      } else if (byte === CTRL_A) this.escaped = true;
      else kept[count++] = byte;
    }
    passOn();
  }

  /** @returns whether the guest gets a Ctrl-A */
  private command(byte: number): boolean {
    switch (String.fromCharCode(byte).toLowerCase()) {
      case 'x':
        this.actions.quit();
        return false;
      case 'c':
        this.actions.monitor();
        return false;
      case 'a':
      case '\x01':
        return true;
      default:
        this.actions.help();
        return false;
    }
  }
}

function isCtrlA(byte: number): boolean {
  return byte === CTRL_A || String.fromCharCode(byte).toLowerCase() === 'a';
}
