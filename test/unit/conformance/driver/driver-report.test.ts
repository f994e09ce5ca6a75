import { expect, test } from 'vitest';
import { driverReport, driverRun, type DriverRun } from '../../../../src/conformance/driver/driver-report.js';
import type { DriverFindings, WatchedSummary } from '../../../../src/conformance/driver/driver-watch.js';
import { DeviceId } from '../../../../src/devices/virtio/device-type.js';

const RNG: WatchedSummary = {
  name: 'virtio-rng0',
  type: DeviceId.ENTROPY,
  transport: 'pci',
  driven: true,
  acted: false,
  violations: [],
};

function run(variant: string, devices: readonly WatchedSummary[], code = 0): DriverRun {
  const findings: DriverFindings = { clauses: [], devices, chips: [] };
  return driverRun(variant, { reason: 'exit', code }, true, findings);
}

function resultOf(id: string, runs: readonly DriverRun[]) {
  const { results } = driverReport({ subject: 'kernel.elf', version: '' }, runs);
  return results.find(({ clause }) => clause.id === id)!;
}

const MODERN = 'virtio/4.1.2.1/match-modern';

test('a clause that a variant provokes is kept when a driver drives the device and the run ends well', () => {
  expect(resultOf(MODERN, [run('plain', [RNG]), run('modern-only', [RNG])])).toMatchObject({
    verdict: 'PASS',
  });
});

test('it is broken when the run ends badly, and when the device has lost its driver', () => {
  expect(resultOf(MODERN, [run('modern-only', [RNG], 1)]).violations).toMatchObject([
    { device: 'virtio-rng0', what: 'the run ends with: exit 1', run: 'modern-only' },
  ]);
  const lost = run('modern-only', [{ ...RNG, driven: false }]);
  expect(resultOf(MODERN, [run('plain', [RNG]), lost]).violations).toMatchObject([
    { device: 'virtio-rng0', what: 'no driver takes it, as one does in the plain run' },
  ]);
});

test('a run without what the clause is about says nothing of it', () => {
  const mmio: WatchedSummary = { ...RNG, transport: 'mmio' };
  expect(resultOf(MODERN, [run('modern-only', [mmio])])).toMatchObject({
    verdict: 'NOT APPLICABLE',
    why: 'without a PCI device',
  });
  expect(resultOf(MODERN, [run('plain', [RNG])])).toMatchObject({
    verdict: 'NOT EXERCISED',
    why: 'to be provoked by --variant modern-only',
  });
});

test('a driver may refuse packed queues alone', () => {
  const refused = run('packed-ring-only', [{ ...RNG, driven: false }], 1);
  expect(refused.run.ok).toBe(true);
  const { verdict } = resultOf('virtio/2.8.17/one-used-descriptor', [run('plain', [RNG]), refused]);
  expect(verdict).toBe('NOT EXERCISED');
});

test('the same at the same place is told once, whatever the run', () => {
  const violation = {
    device: 'virtio-rng0',
    what: 'it does so',
    count: 2,
    place: { vcpu: 0, rip: '0x1000' },
  };
  const clauses = [{ id: 'virtio/6.1/packed', checks: 3, violations: [violation] }];
  const runs = ['plain', 'stalls'].map(name =>
    driverRun(name, { reason: 'exit', code: 0 }, true, { clauses, devices: [RNG], chips: [] }),
  );
  expect(resultOf('virtio/6.1/packed', runs)).toMatchObject({
    checks: 6,
    violations: [{ ...violation, count: 4, run: 'plain' }],
  });
});

test('a variant that had no occasion says nothing', () => {
  const id = 'virtio/2.1.1/needs-reset';
  const idle = run('needs-reset', [RNG]);
  expect(idle.run.note).toBe('no device had an occasion for it');
  expect(resultOf(id, [idle]).verdict).toBe('NOT EXERCISED');
  const busy = run('needs-reset', [{ ...RNG, acted: true }]);
  expect(busy.run.note).toBeUndefined();
  expect(resultOf(id, [busy]).verdict).toBe('PASS');
});

test('a guest may end as it will without a device, and has but to live with one that does not work', () => {
  const end = (variant: string, reason: 'halted' | 'timeout' | 'triple-fault') =>
    driverRun(variant, { reason }, true, { clauses: [], devices: [], chips: [] }).run.ok;
  expect([end('wrong-magic', 'halted'), end('wrong-magic', 'triple-fault')]).toEqual([true, false]);
  expect([end('hot-unplug', 'timeout'), end('hot-unplug', 'halted')]).toEqual([true, false]);
  expect([end('plain', 'timeout'), end('plain', 'halted')]).toEqual([false, false]);
});

test('chips are told of beside the devices, with what had a driver in any run', () => {
  const quiet = { ...RNG, driven: false };
  const chips = [{ name: 'hpet', specification: 'hpet', driven: false }];
  const findings: DriverFindings = { clauses: [], devices: [quiet], chips };
  const second = driverRun('stalls', { reason: 'exit', code: 0 }, true, findings);
  const report = driverReport({ subject: 'kernel.elf', version: '' }, [run('plain', [RNG]), second]);
  expect(report.watched).toEqual([
    { name: 'virtio-rng0', driven: true },
    { name: 'hpet', driven: false },
  ]);
  expect(resultOf('hpet/2.3.7/halted', [second]).why).toBe('no driver for high precision event timers');
  expect(resultOf('16550/8.1/dlab', [second]).why).toBe('without a serial port');
});
