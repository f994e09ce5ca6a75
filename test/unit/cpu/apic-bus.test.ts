import { describe, expect, it } from 'vitest';
import { ApicBus } from '../../../src/cpu/apic/apic-bus.js';
import { DeliveryMode, Shorthand } from '../../../src/cpu/apic/apic-message.js';
import { APIC_BASE_ENABLE, APIC_BASE_X2APIC, LocalApic } from '../../../src/cpu/apic/local-apic.js';

/** APICs on a bus, each with all bits of its logical ID in flat mode. */
function makeBus(count: number) {
  const bus = new ApicBus();
  const host = {
    now: () => 0,
    send: (...message: Parameters<ApicBus['send']>) => bus.send(...message),
    eoi: () => undefined,
    changed: () => undefined,
    nmi: () => undefined,
    init: () => undefined,
    startup: () => undefined,
  };
  const apics = Array.from({ length: count }, (_, index) => new LocalApic(index, host));
  for (const apic of apics) {
    bus.attach(apic);
    apic.write(0xf0, 0x1ff);
    apic.write(0xd0, 0xff00_0000);
  }
  const taken = () => apics.map(apic => apic.acknowledge());
  return { bus, apics, taken };
}

const lowest = { destination: 0xff, logical: true, mode: DeliveryMode.LOWEST, vector: 0x41, level: false };

describe('ApicBus', () => {
  it('gives a message of lowest priority to the processor with the least urgent work', () => {
    const { bus, apics, taken } = makeBus(3);
    apics[0].write(0x80, 0x20);
    apics[1].write(0x80, 0x10);
    apics[2].write(0x80, 0x30);
    bus.send(lowest);
    expect(taken()).toEqual([-1, 0x41, -1]);
  });

  it('lets equals take turns, and leaves out who does not listen', () => {
    const { bus, apics, taken } = makeBus(3);
    apics[1].write(0xf0, 0xff);
    const takers = Array.from({ length: 4 }, () => {
      bus.send(lowest);
      const taker = taken().indexOf(0x41);
      apics[taker].write(0xb0, 0);
      return taker;
    });
    expect(takers).toEqual([2, 0, 2, 0]);
  });

  it('knows the shorthands', () => {
    const { bus, apics, taken } = makeBus(3);
    const message = { destination: 0, logical: false, mode: DeliveryMode.FIXED, vector: 0x50, level: false };
    const takers = [Shorthand.SELF, Shorthand.ALL, Shorthand.OTHERS].map(shorthand => {
      bus.send(message, shorthand, apics[1]);
      const result = taken();
      for (const apic of apics) apic.write(0xb0, 0);
      return result;
    });
    expect(takers).toEqual([
      [-1, 0x50, -1],
      [0x50, 0x50, 0x50],
      [0x50, -1, 0x50],
    ]);
  });

  it('reads address and data of message-signalled interrupts', () => {
    const { bus, apics, taken } = makeBus(2);
    bus.signalMsi(0xfee0_1000, 0x0031);
    expect(taken()).toEqual([-1, 0x31]);
    apics[1].write(0xb0, 0);
    // 0xFF names all, in x2APIC mode too.
    apics[1].writeBase(0xfee0_0000 + APIC_BASE_ENABLE + APIC_BASE_X2APIC);
    bus.signalMsi(0xfeef_f000, 0x8032);
    expect(taken()).toEqual([0x32, 0x32]);
    expect(apics[0].read(0x190)).toBe(1 << (0x32 - 0x20));
  });

  it('sends by the interrupt command register of both modes', () => {
    const { apics, taken } = makeBus(2);
    apics[0].write(0x310, 0x0100_0000);
    apics[0].write(0x300, 0x4044);
    expect(taken()).toEqual([-1, 0x44]);
    apics[1].write(0xb0, 0);
    apics[0].writeBase(0xfee0_0000 + APIC_BASE_ENABLE + APIC_BASE_X2APIC);
    apics[0].writeX2Icr(0x0000_0001_0000_4045n);
    apics[0].writeX2(0x3f0, 0x46);
    expect(taken()).toEqual([0x46, 0x45]);
  });
});
