import { integer, packageOf } from './data.js';
import type { Package } from './encoding.js';
import { reference } from './name-string.js';

/** INTA# to INTD#. */
export type InterruptPin = 0 | 1 | 2 | 3;

/** Where an interrupt pin of a PCI device goes. */
export type PciInterruptRoute = {
  /** The device's number on its bus, 0 to 31. */
  readonly device: number;
  readonly pin: InterruptPin;
} & (
  | { /** Global system interrupt, fixed. */ readonly gsi: number }
  | { /** Name of the link device that says which. */ readonly link: string }
);

/** In an address, the function number that stands for all functions of the device (ACPI 6.5, 6.2.13). */
const ALL_FUNCTIONS = 0xffff;

/** What `_PRT` holds (ACPI 6.5, 6.2.13): a package of address, pin, source and source index for each route. */
export function interruptRoutingTable(routes: readonly PciInterruptRoute[]): Package {
  return packageOf(
    ...routes.map(route => {
      const address = integer(route.device * 0x1_0000 + ALL_FUNCTIONS);
      const target =
        'link' in route
          ? ([reference(route.link), integer(0)] as const)
          : ([integer(0), integer(route.gsi)] as const);
      return packageOf(address, integer(route.pin), ...target);
    }),
  );
}
