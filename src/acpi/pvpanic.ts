import { PVPANIC_PORT } from '../devices/legacy/pvpanic.js';
import {
  device,
  integer,
  io,
  method,
  name,
  resourceTemplate,
  returnValue,
  string,
  type Statement,
} from './aml.js';

/** Present, enabled, shown in the user interface, working (ACPI 6.5, 6.3.7). */
const WORKS = 0x0f;

/** By the name that QEMU gave it, and Linux's and Windows's drivers know. */
export function pvpanic(): Statement {
  return device(
    'PEVT',
    name('_HID', string('QEMU0001')),
    name('_CRS', resourceTemplate(io(PVPANIC_PORT, 1))),
    method('_STA', {}, returnValue(integer(WORKS))),
  );
}
