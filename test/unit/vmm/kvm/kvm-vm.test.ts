import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { ConfigError } from '../../../../src/errors.js';
import { ioctlStruct } from '../../../../src/host/libc.js';
import { offsetOf } from '../../../../src/vmm/layout.js';
import { KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS } from '../../../../src/vmm/kvm/constants.js';
import { kvmVcpuEvents } from '../../../../src/vmm/kvm/structs.js';
import { NO_DEVICES } from '../../../../src/vmm/bus/dispatch.js';
import { MachineClock } from '../../../../src/vmm/clock.js';
import { Doorbell } from '../../../../src/vmm/doorbell.js';
import { KvmAccelerator } from '../../../../src/vmm/kvm/kvm-accelerator.js';
import type { KvmVm } from '../../../../src/vmm/kvm/kvm-vm.js';
import { HostTime } from '../../../../src/vmm/machine/host-time.js';
import { GuestMemory, type GuestMemoryHandle } from '../../../../src/vmm/memory/guest-memory.js';
import { NO_KVM } from './real-kvm.js';

const MIB = 2 ** 20;

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** How often this thread has slept so far. */
function timesWoken(): number {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)![1]);
}

function createVm(cpus: number, memory = GuestMemory.allocate(2 * MIB)): KvmVm {
  return new KvmAccelerator().createVm({
    memory,
    cpus,
    handlers: NO_DEVICES,
    clock: new MachineClock(new HostTime()),
    doorbell: Doorbell.allocate(),
  });
}

if (NO_KVM === undefined) {
  describe('a virtual machine of KVM', () => {
    let before: number;
    beforeEach(() => (before = descriptors()));
    afterEach(() => expect(descriptors()).toBe(before));

    it('starts with vCPU 0 ready and the others waiting to be started', () => {
      const vm = createVm(3);
      expect(vm.vcpus.map(vcpu => vcpu.activity())).toEqual([
        'running',
        'waiting-for-sipi',
        'waiting-for-sipi',
      ]);
      expect(vm.handles.map(({ index }) => index)).toEqual([0, 1, 2]);
      expect(vm.vcpus.every(vcpu => vcpu.interruptsEnabled())).toBe(false);
      vm.close();
    });

    it('gives back a state as it was set', () => {
      const vm = createVm(1);
      const [vcpu] = vm.vcpus;
      const state = vcpu.getState();
      const registers = {
        ...state.registers,
        rax: 0xffff_ffff_ffff_ffffn,
        r15: 0x8000_0000_0000_0001n,
        rip: 0x1234n,
      };
      vcpu.setState({ ...state, registers, activity: 'halted' });
      const after = vcpu.getState();
      expect(after.registers).toEqual(registers);
      expect(after.system).toEqual(state.system);
      expect(after.activity).toBe('halted');
      expect(after.extended).toEqual(state.extended);
      expect(after.lapic).toEqual(state.lapic);
      vm.close();
    });

    it('forgets what was about to be delivered', () => {
      const vm = createVm(1);
      const { fd } = vm.handles[0];
      const events = (): Buffer => {
        const buffer = Buffer.alloc(kvmVcpuEvents.span);
        expect(ioctlStruct(fd, KVM_GET_VCPU_EVENTS, buffer)).toBe(0);
        return buffer;
      };
      const set = events();
      set[offsetOf(kvmVcpuEvents, 'interrupt_injected')] = 1;
      set[offsetOf(kvmVcpuEvents, 'interrupt_nr')] = 0x21;
      set[offsetOf(kvmVcpuEvents, 'nmi_masked')] = 1;
      expect(ioctlStruct(fd, KVM_SET_VCPU_EVENTS, set)).toBe(0);
      expect(events()[offsetOf(kvmVcpuEvents, 'interrupt_injected')]).toBe(1);
      vm.vcpus[0].forgetEvents();
      expect(events()[offsetOf(kvmVcpuEvents, 'interrupt_injected')]).toBe(0);
      expect(events()[offsetOf(kvmVcpuEvents, 'nmi_masked')]).toBe(0);
      vm.close();
    });

    it('stops at once while its doorbell is rung, again and again', () => {
      const doorbell = new Doorbell(Doorbell.allocate());
      const clock = new MachineClock(new HostTime());
      const memory = GuestMemory.allocate(2 * MIB);
      const vm = new KvmAccelerator().createVm({
        memory,
        cpus: 1,
        handlers: NO_DEVICES,
        clock,
        doorbell: doorbell.buffer,
      });
      doorbell.ring();
      expect([vm.run(Infinity), vm.run(Infinity)]).toEqual(['kicked', 'kicked']);
      expect(vm.exits).toBe(0);
      vm.close();
    });

    it('leaves its thread alone once it is to rest', () => {
      const clock = new MachineClock(new HostTime());
      const memory = GuestMemory.allocate(2 * MIB);
      const doorbell = Doorbell.allocate();
      const vm = new KvmAccelerator().createVm({ memory, cpus: 1, handlers: NO_DEVICES, clock, doorbell });
      // A deadline that passes at once and would be signalled again and again from then on.
      new Doorbell(doorbell).ring();
      vm.run(1);
      vm.rest();
      const before = timesWoken();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      // Once for the end of that wait, a few times for what else the process does; 400 times for a timer that goes on.
      expect(timesWoken() - before).toBeLessThan(100);
      vm.close();
    });

    it.each([0, -1, 1.5, NaN, 255, 100_000])('refuses %d vCPUs', cpus => {
      expect(() => createVm(cpus)).toThrow(ConfigError);
    });

    it('keeps nothing open when it cannot be made', () => {
      // Two segments at one address, which KVM refuses after the virtual machine is there.
      const { segments } = GuestMemory.allocate(2 * MIB).handle;
      const handle: GuestMemoryHandle = { segments: [...segments, ...segments] };
      expect(() => createVm(2, new GuestMemory(handle))).toThrow(
        /KVM_SET_USER_MEMORY_REGION failed: File exists/,
      );
    });

    describe('takes what a guest can make an IOAPIC send', () => {
      let vm: KvmVm;
      beforeEach(() => (vm = createVm(2)));
      afterEach(() => vm.close());

      const addresses = [
        0, 0xfee0_0000, 0xfee0_1000, 0xfee0_5000, 0xfeef_f000, 0xfee0_0004, 0xfee0_400c, 0xffff_ffff,
      ];
      const modes = [0, 1, 2, 3, 4, 5, 6, 7];
      const vectors = [0, 0xf, 0x10, 0x31, 0xff];

      it.each(modes)('as a message of delivery mode %d: every destination, vector and trigger', mode => {
        for (const address of addresses) {
          for (const vector of vectors) {
            for (const trigger of [0, 0x8000, 0xc000]) {
              expect(() => vm.signalMsi(address, (mode << 8) | vector | trigger)).not.toThrow();
            }
          }
        }
        expect(() => vm.signalMsi(0xffff_ffff, 0xffff_ffff)).not.toThrow();
      });

      it('as routes: none, odd ones, all pins', () => {
        for (const address of addresses) {
          for (const data of [0, 0xffff_ffff, 0x731]) {
            const routes = Array.from({ length: 24 }, (_, pin) => (pin % 2 ? { address, data } : undefined));
            expect(() => vm.setIoapicRoutes(routes)).not.toThrow();
          }
        }
        expect(() => vm.setIoapicRoutes([])).not.toThrow();
        expect(() =>
          vm.setIoapicRoutes(Array(24).fill({ address: 0xfee0_0000, data: 0xc031 })),
        ).not.toThrow();
      });
    });
  });
} else {
  test('a virtual machine of KVM', ({ skip }) => skip(NO_KVM));
}
