import { describe, expect, it } from 'vitest';
import { FlowLimit } from '../../../src/vmm/flow-limit.js';
import { onThread } from './threads.js';

describe('a flow limit', () => {
  it('never lets more messages be under way than it says, and stops none for good', async () => {
    const shared = { buffer: FlowLimit.allocate(), sent: new SharedArrayBuffer(4), total: 20_000 };
    const sending = onThread(shared, ({ buffer, sent, total }, { FlowLimit }) => {
      const flow = new FlowLimit(buffer, 8);
      for (let i = 0; i < total; i++) {
        flow.enter();
        Atomics.add(new Int32Array(sent), 0, 1);
      }
      return total;
    });
    const sent = new Int32Array(shared.sent);
    const flow = new FlowLimit(shared.buffer, 8);
    let most = 0;
    for (let received = 0; received < shared.total;) {
      const underWay = Atomics.load(sent, 0) - received;
      most = Math.max(most, underWay);
      if (underWay === 0) await new Promise(resolve => setImmediate(resolve));
      else {
        received++;
        flow.leave();
      }
    }
    expect(await sending).toBe(shared.total);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('lets everything pass once it is released', async () => {
    const buffer = FlowLimit.allocate();
    const sending = onThread(buffer, (buffer, { FlowLimit }) => {
      const flow = new FlowLimit(buffer, 2);
      for (let i = 0; i < 1000; i++) flow.enter();
      return 'all';
    });
    const flow = new FlowLimit(buffer, 2);
    flow.release();
    flow.leave();
    expect(await sending).toBe('all');
  });
});
