import { expect, test } from 'vitest';
import { loadDemangler } from '../../../src/host/demangle.js';

test('names are readable however often the demangler was asked for', async () => {
  const first = await loadDemangler();
  expect(first('_ZN9processor18create_apic_driverEv')).toBe('processor::create_apic_driver()');
  const second = await loadDemangler();
  expect(second('_ZN3pci3bar6writewEmt')).toBe('pci::bar::writew(unsigned long, unsigned short)');
  expect(first('_ZN6virtio3net12fill_rx_ringEv')).toBe('virtio::net::fill_rx_ring()');
});
