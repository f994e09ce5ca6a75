import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { AcceleratorError } from '../../../../src/errors.js';
import { calibrate } from '../../../../src/vmm/kvm/calibrate.js';
import { KvmCap } from '../../../../src/vmm/kvm/constants.js';
import { Kvm } from '../../../../src/vmm/kvm/kvm.js';
import { NO_KVM } from './real-kvm.js';

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('a device that is no KVM', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tsvmm-kvm-'));
    writeFileSync(join(folder, 'file'), 'not a device');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function expectRefusal(path: string, message: RegExp): void {
    const before = descriptors();
    let error: unknown;
    try {
      Kvm.open(path);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AcceleratorError);
    expect(error).toMatchObject({
      code: 'ACCELERATOR',
      message: expect.stringMatching(message) as unknown,
      data: { path },
    });
    expect(descriptors()).toBe(before);
  }

  it('is missing: what to do about it', () => {
    expectRefusal(join(folder, 'kvm'), /^there is no .*kvm: load the kvm-intel or kvm-amd module/);
  });

  it('is a file', () => {
    expectRefusal(join(folder, 'file'), /file is not a KVM device$/);
  });

  it('is another device', () => {
    expectRefusal('/dev/null', /^\/dev\/null is not a KVM device$/);
  });

  it('is a directory', () => {
    expectRefusal(folder, /is a directory, not a KVM device$/);
  });

  it('lies below a file', () => {
    expectRefusal(join(folder, 'file', 'kvm'), /^cannot open .*: ENOTDIR$/);
  });

  it('cannot be opened by this user', ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may open everything');
    chmodSync(join(folder, 'file'), 0);
    expectRefusal(join(folder, 'file'), /^no permission to open .*: add yourself to the kvm group/);
  });
});

if (NO_KVM === undefined) {
  describe('the KVM of this host', () => {
    it('has what tsvmm needs, and lets go of its descriptor', () => {
      const before = descriptors();
      const kvm = Kvm.open();
      expect(kvm.capability(KvmCap.SYNC_REGS)).toBeGreaterThan(0);
      expect(kvm.runSize()).toBeGreaterThanOrEqual(4096);
      expect(kvm.runSize() % 4096).toBe(0);
      kvm.close();
      expect(descriptors()).toBe(before);
    });

    it('tells of a processor with long mode', () => {
      const kvm = Kvm.open();
      const entries = kvm.supportedCpuid();
      kvm.close();
      const extended = entries.find(entry => entry.function === 0x8000_0001);
      expect((extended!.edx >>> 29) & 1).toBe(1);
    });

    it('executes guest code at some speed, and exits', () => {
      const before = descriptors();
      const { instructionsPerSecond, exitNs, hardware } = calibrate();
      // Between an emulator within an emulator and a processor of the future.
      expect(instructionsPerSecond).toBeGreaterThan(1e4);
      expect(instructionsPerSecond).toBeLessThan(1e12);
      expect(exitNs).toBeGreaterThan(10);
      expect(hardware).toBe(instructionsPerSecond > 50e6);
      expect(descriptors()).toBe(before);
    });

    it('is needed for a calibration', () => {
      expect(() => calibrate('/dev/null')).toThrow(AcceleratorError);
    });
  });
} else {
  test('the KVM of this host', ({ skip }) => skip(NO_KVM));
}
