import { ECAM_BASE, ECAM_SIZE } from '../devices/pci/config-access.js';
import { MEMORY_WINDOW, PORT_WINDOW } from '../devices/pci/resources.js';
import { intxGsi, SLOTS } from '../devices/pci/wiring.js';
import {
  device,
  dwordMemory,
  eisaId,
  integer,
  interruptRoutingTable,
  io,
  memory32Fixed,
  method,
  name,
  resourceTemplate,
  returnValue,
  wordBusNumber,
  wordIo,
  type DataObject,
  type InterruptPin,
  type Statement,
} from './aml.js';

const PINS: readonly InterruptPin[] = [0, 1, 2, 3];

/** The bridge to bus 0, with what it forwards and where interrupt pins go (ACPI 6.5, 6.2.13; PCI Firmware 3.2, 4.1). */
export function hostBridge(): Statement {
  return device(
    'PCI0',
    name('_HID', eisaId('PNP0A03')),
    name('_UID', integer(0)),
    name('_BBN', integer(0)),
    name(
      '_CRS',
      resourceTemplate(
        wordBusNumber(0, 0),
        io(0xcf8, 8),
        wordIo(PORT_WINDOW.base, PORT_WINDOW.size),
        dwordMemory(MEMORY_WINDOW.base, MEMORY_WINDOW.size),
      ),
    ),
    // As a method: of an object ACPICA evaluates all packages at the guest's start, 3 million instructions of it.
    method('_PRT', {}, returnValue(interruptRoutes())),
  );
}

function interruptRoutes(): DataObject {
  return interruptRoutingTable(
    Array.from({ length: SLOTS }, (_, slot) =>
      PINS.map(pin => ({ device: slot, pin, gsi: intxGsi(slot, pin + 1) })),
    ).flat(),
  );
}

/** The memory that MCFG names belongs to the mainboard (PCI Firmware 3.2, 4.1.2). */
export function configurationSpace(): Statement {
  return device(
    'ECAM',
    name('_HID', eisaId('PNP0C02')),
    name('_UID', integer(0)),
    name('_CRS', resourceTemplate(memory32Fixed(ECAM_BASE, ECAM_SIZE))),
  );
}
