#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EventRingReader } from '../../dist/profile/event-ring.js';
import { MachineRecording } from '../../dist/profile/machine-recording.js';
import { RecordMemory } from '../../dist/profile/record-memory.js';
import { choose } from '../../dist/vmm/boot/index.js';
import { MachineClock } from '../../dist/vmm/clock.js';
import { Doorbell } from '../../dist/vmm/doorbell.js';
import { KvmAccelerator } from '../../dist/vmm/kvm/kvm-accelerator.js';
import { Board } from '../../dist/vmm/machine/board.js';
import { HostTime } from '../../dist/vmm/machine/host-time.js';
import { partsOf } from '../../dist/vmm/machine/machine-parts.js';
import { GuestMemory } from '../../dist/vmm/memory/guest-memory.js';
import { PowerSwitch } from '../../dist/vmm/power-switch.js';
import { OPERATIONS, commandLine } from './exits-guest.js';
import { guest } from './places.js';
import { median } from './stats.js';

// What recording costs an exit on KVM. One machine makes exits in a loop, with and without a recorder in turns of fifty exits (half a
// millisecond): so all of them meet the same host and the same compiled code. `npm run build && npm run guests` first.
//   node test/bench/profile-cost.js [--rounds 2000]

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '2000' } } });
const ROUNDS = Number(values.rounds);
const TURN = 50;
/** Rounds until V8 has compiled everything. */
const WARM_UP = 400;
/** What turns that nothing disturbed took: on a busy host most were interrupted. */
const UNDISTURBED = 0.1;

/** Exits that are still to be made in this turn are counted here, the same way whether they are recorded or not. */
class CountingHandlers {
  left = 0;

  /**
   * @param {import('../../dist/vmm/accelerator.js').ExitHandlers} inner
   * @param {() => void} onLast
   */
  constructor(inner, onLast) {
    this.inner = inner;
    this.onLast = onLast;
  }

  /** @type {import('../../dist/vmm/accelerator.js').ExitHandlers['pioRead']} */
  pioRead(port, size) {
    this.count();
    return this.inner.pioRead(port, size);
  }

  /** @type {import('../../dist/vmm/accelerator.js').ExitHandlers['pioWrite']} */
  pioWrite(port, size, value) {
    this.count();
    this.inner.pioWrite(port, size, value);
  }

  /** @type {import('../../dist/vmm/accelerator.js').ExitHandlers['mmioRead']} */
  mmioRead(gpa, size) {
    this.count();
    return this.inner.mmioRead(gpa, size);
  }

  /** @type {import('../../dist/vmm/accelerator.js').ExitHandlers['mmioWrite']} */
  mmioWrite(gpa, size, value) {
    this.count();
    this.inner.mmioWrite(gpa, size, value);
  }

  /** @param {number} vector */
  eoi(vector) {
    this.inner.eoi(vector);
  }

  acknowledgePic() {
    return this.inner.acknowledgePic();
  }

  count() {
    if (--this.left === 0) this.onLast();
  }
}

/** @param {string} operation */
function measure(operation) {
  const memory = GuestMemory.allocate(64 << 20);
  const time = new HostTime();
  const clock = new MachineClock(time);
  const doorbell = new Doorbell(Doorbell.allocate());
  const sink = { write: () => undefined };
  const board = new Board({
    memory,
    clock,
    power: new PowerSwitch(() => doorbell.raise()),
    serial: [sink],
    debugConsole: sink,
    parts: { ...partsOf({ type: 'pc' }, false), hpet: undefined, mmioSlots: 0 },
  });
  const plain = new CountingHandlers(board.dispatcher, () => doorbell.raise());
  const vm = new KvmAccelerator().createVm({
    memory,
    cpus: 1,
    handlers: plain,
    clock,
    doorbell: doorbell.buffer,
  });
  board.connect(vm);
  const image = readFileSync(guest('exits'));
  const boot = choose(image).load(
    { name: 'exits.elf', image, commandLine: commandLine(operation, 1e12), modules: [], cpus: 1 },
    memory,
  );
  const { apicBase } = vm.vcpus[0].getState().system;
  vm.vcpus[0].setState({
    registers: boot.registers,
    system: { ...boot.system, apicBase },
    activity: 'running',
  });
  time.start();

  /** @param {import('tsvmm').RecordingOptions['stacks']} stacks */
  const recorderOf = stacks => {
    const buffer = RecordMemory.allocate();
    const recording = new MachineRecording(
      { buffer, stacks: stacks ?? 'sampled', lossless: false, samplePeriod: 0, unwind: [], objects: [] },
      { vm, memory, buses: board, links: [], serving: () => 0, announce: () => undefined },
    );
    const handlers = recording.handlers(plain);
    recording.begin();
    const reader = new EventRingReader(new RecordMemory(buffer));
    return () => {
      reader.drain(() => undefined);
      recording.attach();
      vm.handlers = handlers;
    };
  };
  /** @type {Record<string, () => void>} */
  const modes = {
    counts: recorderOf('none'),
    stacks: recorderOf('sampled'),
    off() {
      vm.observe(undefined);
      vm.exposeRegisters(false);
      vm.handlers = plain;
    },
  };
  /** @type {Record<string, number[]>} */
  const ns = { off: [], counts: [], stacks: [] };
  // What the guest does first is not what is measured.
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [mode, enter] of Object.entries(modes)) {
      enter();
      doorbell.answer();
      plain.left = TURN;
      const began = performance.now();
      const reason = vm.run(Infinity);
      const took = (performance.now() - began) * 1e6;
      if (reason !== 'kicked') throw new Error(`the guest ended: ${reason}`);
      if (round >= 0) ns[mode].push(took / TURN);
    }
  }
  vm.close();
  return ns;
}

/**
 * @param {readonly number[]} values
 * @param {number} share
 */
function quantile(values, share) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];
}

process.stdout.write(`${ROUNDS} turns of ${TURN} exits each; undisturbed turns, and the median difference\n`);
for (const operation of OPERATIONS) {
  const ns = measure(operation);
  const off = quantile(ns.off, UNDISTURBED);
  /** @param {string} mode */
  const added = mode => {
    const least = quantile(ns[mode], UNDISTURBED) - off;
    const middle = median(ns[mode].map((value, round) => value - ns.off[round]));
    const percent = (100 * middle) / median(ns.off);
    return `+${least.toFixed(0)} ns (${((100 * least) / off).toFixed(1)} %), +${middle.toFixed(0)} ns (${percent.toFixed(1)} %)`;
  };
  process.stdout.write(
    `${operation.padEnd(11)} off ${off.toFixed(0)} ns; counts and log ${added('counts')}; with call stacks ${added('stacks')}\n`,
  );
}
