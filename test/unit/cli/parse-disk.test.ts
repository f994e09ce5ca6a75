import { describe, expect, it } from 'vitest';
import { parseDisk } from '../../../src/cli/parse-disk.js';

describe('--disk', () => {
  it.each([
    ['disk.img', { file: 'disk.img' }],
    ['file=disk.img', { file: 'disk.img' }],
    ['a,,b.img,readonly', { file: 'a,b.img', readOnly: true }],
    ['a,,,readonly', { file: 'a,', readOnly: true }],
    ['d,snapshot=on,readonly=off', { file: 'd', snapshot: true, readOnly: false }],
    ['d,serial=a=b,,c,queues=4', { file: 'd', serial: 'a=b,c', queues: 4 }],
    ['d,interface=legacy', { file: 'd', interface: 'legacy' }],
    ['d,format=qcow2,discard=ignore', { file: 'd', format: 'qcow2', discard: 'ignore' }],
    ['d,cache=writethrough,num-queues=2', { file: 'd', cache: 'writethrough', queues: 2 }],
    ['d,queue-size=64,logical_block_size=4096', { file: 'd', queueSize: 64, logicalBlockSize: 4096 }],
    ['d,vectors=0', { file: 'd', vectors: 0 }],
    ['d,physical_block_size=4096', { file: 'd', physicalBlockSize: 4096 }],
    [
      'd,throttling.iops-total=100,throttling.bps-read=2M',
      { file: 'd', throttling: { iopsTotal: 100, bpsRead: 2 ** 21 } },
    ],
    ['d,iops_wr=5,bps=1K', { file: 'd', throttling: { iopsWrite: 5, bpsTotal: 1024 } }],
    ['d,packed=off,in_order', { file: 'd', ring: { packed: false, in_order: true } }],
  ])('%s', (text, disk) => {
    expect(parseDisk(text)).toEqual(disk);
  });

  it.each([
    ['d,', /'' is not understood/],
    ['d,toString', /'toString' is not understood: write FILE/],
    ['d,format=vmdk', /format is one of raw, qcow2, not 'vmdk'/],
    ['d,cache=none', /cache is one of writeback, writethrough, not 'none'/],
    ['d,iops=many', /iops is a number, maybe with K, M or G, not 'many'/],
    ['d,packed=perhaps', /packed is one of on, off, not 'perhaps'/],
    ['d,readonly=maybe', /readonly is one of on, off, not 'maybe'/],
    ['d,interface=scsi', /interface is one of transitional, modern, legacy/],
  ])('%s is refused', (text, why) => {
    expect(() => parseDisk(text)).toThrow(why);
  });
});
