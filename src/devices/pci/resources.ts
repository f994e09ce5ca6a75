import { ConfigError, hex } from '../../errors.js';
import type { Bar } from './bar.js';
import { Command, Header } from './header.js';
import type { PciRoot } from './root.js';

/** What the host bridge forwards, as `_CRS` tells operating systems. */
export const MEMORY_WINDOW = { base: 0xc000_0000, size: 0x2000_0000 } as const;
export const PORT_WINDOW = { base: 0xc000, size: 0x4000 } as const;

/**
 * Gives every base address register an address and enables its space, as firmware does before the kernel starts:
 * OSv and others expect it. Largest first, so that nothing is lost to alignment.
 * @throws ConfigError when a window is too small
 */
export function assignResources(root: PciRoot): void {
  const bars: Bar[] = [];
  for (const { pciFunction } of root.functions()) bars.push(...pciFunction.bars);
  place(bars, 'mmio', MEMORY_WINDOW);
  place(bars, 'port', PORT_WINDOW);
  for (const { pciFunction } of root.functions()) {
    const spaces = pciFunction.bars.map(({ options }) => options.space);
    const command =
      (spaces.includes('port') ? Command.IO_SPACE : 0) | (spaces.includes('mmio') ? Command.MEMORY_SPACE : 0);
    pciFunction.writeConfig(Header.COMMAND, 2, command | Command.BUS_MASTER);
  }
}

function place(bars: readonly Bar[], space: 'port' | 'mmio', window: { base: number; size: number }): void {
  let next = window.base;
  const wanted = bars.filter(({ options }) => options.space === space);
  wanted.sort((a, b) => b.options.size - a.options.size);
  for (const bar of wanted) {
    const { size } = bar.options;
    bar.address = Math.ceil(next / size) * size;
    next = bar.address + size;
    if (next > window.base + window.size) {
      throw new ConfigError(`PCI devices need more than ${hex(window.size)} of ${space} addresses`, {
        space,
      });
    }
  }
}
