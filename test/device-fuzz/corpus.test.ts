import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CorpusFolder } from './corpus.js';
import { DeviceFailure } from './failure.js';
import { minimise, runSteps } from './fuzz-case.js';
import { FuzzMachine } from './fuzz-machine.js';
import { formatStep, parseStep, type Step } from './operations.js';
import type { MakeTarget } from './target.js';
import { FAMILIES } from './targets.js';

/**
 * What `npm run fuzz:devices` has found, run again: cases that reach what others do not, and cases that once brought
 * a device to something that no guest may bring it to.
 */

const corpus = new CorpusFolder(fileURLToPath(new URL('../corpus/devices', import.meta.url)));

describe.each(Object.keys(FAMILIES))('the corpus of %s', family => {
  const entries = corpus.read(family);

  it('has cases for each way to reach the device', () => {
    const reached = new Set(entries.map(({ target }) => target));
    expect(Object.keys(FAMILIES[family]).filter(target => !reached.has(target))).toEqual([]);
  });

  it('finds nothing', () => {
    for (const { target, steps } of entries) {
      const { failure } = runSteps(FAMILIES[family][target], steps);
      expect(
        failure && `${target} at ${formatStep(steps[failure.step])}: ${failure.error.stack}`,
      ).toBeUndefined();
    }
  });
});

describe('the fuzzer', () => {
  const broken = (more: (machine: FuzzMachine) => void): MakeTarget => {
    return () => {
      const machine = new FuzzMachine();
      machine.powerOn();
      return {
        machine,
        operations: [
          { name: 'fail', weight: 1, run: a => void (a === 7 && more(machine)) },
          { name: 'nothing', weight: 1, run: () => undefined },
        ],
      };
    };
  };
  const steps = (['nothing', 'fail 1', 'fail 7', 'nothing'] as const).map(parseStep);

  it('sees what a device writes where nobody told it to', () => {
    const { failure } = runSteps(
      broken(machine => machine.memory.write8(0x1234, 1)),
      steps,
    );
    expect(failure?.error).toBeInstanceOf(DeviceFailure);
    expect(failure?.error.message).toMatch(/0x1234/);
  });

  it('sees a register that is no number of its width', () => {
    const make = broken(machine => {
      const target = { read: () => -1, write: () => undefined };
      const ranges = [{ space: 'port', base: 0x2f00, size: 1, target }] as const;
      machine.board.add({
        name: 'bad',
        ranges,
        reset: () => undefined,
        save: () => ({}),
        load: () => undefined,
      });
      machine.portRead(0x2f00, 1);
    });
    expect(runSteps(make, steps).failure?.error).toBeInstanceOf(DeviceFailure);
  });

  it('sees what a device throws, and leaves out what the failure does not need', () => {
    const make = broken(() => {
      throw new TypeError('a bug');
    });
    const { failure } = runSteps(make, steps);
    expect([failure?.step, failure?.error.message]).toEqual([2, 'a bug']);
    expect(minimise(make, steps).map(formatStep)).toEqual(['fail 7']);
  });

  it('writes steps so that they can be read again', () => {
    const all: Step[] = [
      { name: 'start', a: 0, b: 0, c: 0 },
      { name: 'start', a: 0xffff_ffff, b: 0, c: 1 },
    ];
    expect(all.map(formatStep).map(parseStep)).toEqual(all);
    expect(() => parseStep('start -1')).toThrow(RangeError);
  });
});
