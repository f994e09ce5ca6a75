import type { IrqLine } from './device.js';

/** An interrupt controller's input pins. */
export interface IrqInputs {
  setPin(pin: number, level: boolean): void;
}

/** Where a global system interrupt arrives: an input pin of one of the controllers. */
export interface IrqRoute {
  readonly controller: IrqInputs;
  readonly pin: number;
}

/**
 * Global system interrupts (ACPI 6.5, 5.2.13). Several devices may share one: it is high while any of them drives
 * its line high. Each goes to every controller pin that the board routes it to.
 */
export class InterruptRouter {
  private readonly asserted: number[];
  /** How often each GSI has gone high. */
  readonly counts: number[];

  /** @param routes for each GSI, the pins that it reaches */
  constructor(private readonly routes: readonly (readonly IrqRoute[])[]) {
    this.asserted = routes.map(() => 0);
    this.counts = routes.map(() => 0);
  }

  /** A line of its own for one more device on `gsi`. */
  line(gsi: number): IrqLine {
    const routes = this.routes[gsi];
    if (!routes) throw new RangeError(`there is no interrupt ${gsi}`);
    let current = false;
    return {
      set: level => {
        if (level === current) return;
        current = level;
        const before = this.asserted[gsi];
        const after = before + (level ? 1 : -1);
        this.asserted[gsi] = after;
        if (before === 0) this.counts[gsi]++;
        if (before === 0 || after === 0)
          for (const { controller, pin } of routes) controller.setPin(pin, level);
      },
    };
  }

  /** True while any device drives `gsi` high. */
  level(gsi: number): boolean {
    return this.asserted[gsi] > 0;
  }
}
