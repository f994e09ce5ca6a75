import { GENERAL_REGISTERS, type GeneralRegisters, type VcpuState } from '../vmm/vcpu-state.js';
import { MonitorError } from './command.js';

/**
 * An address as QEMU's monitor takes it: numbers and registers (`$rip`, `$sp`), added and subtracted.
 * @throws MonitorError that says which part is not understood
 */
export function evaluate(text: string, state: Pick<VcpuState, 'registers'>): bigint {
  const terms = [...text.matchAll(/([+-]?)([^+-]+)/g)];
  if (terms.length === 0 || terms.map(([term]) => term).join('') !== text) {
    throw new MonitorError(`'${text}' is not an address: write 0x1000, $rip or $rsp+8`);
  }
  const sum = terms.reduce((total, [, sign, term]) => {
    const value = valueOf(term.trim(), state.registers);
    return sign === '-' ? total - value : total + value;
  }, 0n);
  return BigInt.asUintN(64, sum);
}

const SHORT_NAMES: Readonly<Record<string, keyof GeneralRegisters>> = {
  pc: 'rip',
  sp: 'rsp',
  fp: 'rbp',
  eflags: 'rflags',
};

function valueOf(term: string, registers: GeneralRegisters): bigint {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(term)) return BigInt(term);
  const name = /^\$([a-z0-9]+)$/i.exec(term)?.[1].toLowerCase();
  if (name !== undefined) {
    const register =
      GENERAL_REGISTERS.find(known => known === name) ??
      (Object.hasOwn(SHORT_NAMES, name) ? SHORT_NAMES[name] : undefined);
    if (register) return registers[register];
    throw new MonitorError(`there is no register $${name}`);
  }
  throw new MonitorError(`'${term}' is neither a number nor a register: write 0x1000 or $rip`);
}
