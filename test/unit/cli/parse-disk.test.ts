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
  ])('%s', (text, disk) => {
    expect(parseDisk(text)).toEqual(disk);
  });

  it.each([
    ['d,', /'' is not understood/],
    ['d,toString', /'toString' is not understood: write FILE/],
    ['d,format=qcow2', /'format=qcow2' is not understood/],
    ['d,readonly=maybe', /readonly is on or off, not 'maybe'/],
    ['d,interface=scsi', /interface is one of transitional, modern, legacy/],
  ])('%s is refused', (text, why) => {
    expect(() => parseDisk(text)).toThrow(why);
  });
});
