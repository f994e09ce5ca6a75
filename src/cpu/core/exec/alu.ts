import { FlagBit, declareFlags } from '../decode/flow';
import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { carry, flagsAdd, flagsLogic, flagsStep, flagsSub } from './flags';
import {
  binaryMI, binaryMR, binaryRI, binaryRM, binaryRR, compareMI, compareMR, compareRI, compareRM, compareRR, unaryM, unaryR,
} from './operands';

export class Add { @inline apply<T>(a: T, b: T): T { const r = <T>(a + b); flagsAdd<T>(a, b, r); return r; } }
export class Adc { @inline apply<T>(a: T, b: T): T { const r = <T>(a + b + <T>carry()); flagsAdd<T>(a, b, r); return r; } }
export class Sub { @inline apply<T>(a: T, b: T): T { const r = <T>(a - b); flagsSub<T>(a, b, r); return r; } }
export class Sbb { @inline apply<T>(a: T, b: T): T { const r = <T>(a - b - <T>carry()); flagsSub<T>(a, b, r); return r; } }
export class And { @inline apply<T>(a: T, b: T): T { const r = <T>(a & b); flagsLogic<T>(r); return r; } }
export class Or { @inline apply<T>(a: T, b: T): T { const r = <T>(a | b); flagsLogic<T>(r); return r; } }
export class Xor { @inline apply<T>(a: T, b: T): T { const r = <T>(a ^ b); flagsLogic<T>(r); return r; } }
export class Inc { @inline apply<T>(a: T): T { const r = <T>(a + 1); flagsStep<T>(a, r, r == <T>(<u64>1 << (sizeof<T>() * 8 - 1))); return r; } }
export class Dec { @inline apply<T>(a: T): T { const r = <T>(a - 1); flagsStep<T>(a, r, a == <T>(<u64>1 << (sizeof<T>() * 8 - 1))); return r; } }
export class Not { @inline apply<T>(a: T): T { return <T>~a; } }
export class Neg { @inline apply<T>(a: T): T { const r = <T>(0 - a); flagsSub<T>(<T>0, a, r); return r; } }

/** Where nobody needs the flags. */
export class QuietAdd { @inline apply<T>(a: T, b: T): T { return <T>(a + b); } }
export class QuietSub { @inline apply<T>(a: T, b: T): T { return <T>(a - b); } }
export class QuietAnd { @inline apply<T>(a: T, b: T): T { return <T>(a & b); } }
export class QuietOr { @inline apply<T>(a: T, b: T): T { return <T>(a | b); } }
export class QuietXor { @inline apply<T>(a: T, b: T): T { return <T>(a ^ b); } }
export class QuietProduct { @inline apply<T>(a: T, b: T): T { return <T>(a * b); } }

function defineBinary<K>(id: u32): void {
  define(id, Form.RR, 0, (op: usize): usize => binaryRR<K, u8>(op));
  define(id, Form.RR, 1, (op: usize): usize => binaryRR<K, u16>(op));
  define(id, Form.RR, 2, (op: usize): usize => binaryRR<K, u32>(op));
  define(id, Form.RR, 3, (op: usize): usize => binaryRR<K, u64>(op));
  define(id, Form.RI, 0, (op: usize): usize => binaryRI<K, u8>(op));
  define(id, Form.RI, 1, (op: usize): usize => binaryRI<K, u16>(op));
  define(id, Form.RI, 2, (op: usize): usize => binaryRI<K, u32>(op));
  define(id, Form.RI, 3, (op: usize): usize => binaryRI<K, u64>(op));
  define(id, Form.RM, 0, (op: usize): usize => binaryRM<K, u8>(op));
  define(id, Form.RM, 1, (op: usize): usize => binaryRM<K, u16>(op));
  define(id, Form.RM, 2, (op: usize): usize => binaryRM<K, u32>(op));
  define(id, Form.RM, 3, (op: usize): usize => binaryRM<K, u64>(op));
  define(id, Form.MR, 0, (op: usize): usize => binaryMR<K, u8>(op));
  define(id, Form.MR, 1, (op: usize): usize => binaryMR<K, u16>(op));
  define(id, Form.MR, 2, (op: usize): usize => binaryMR<K, u32>(op));
  define(id, Form.MR, 3, (op: usize): usize => binaryMR<K, u64>(op));
  define(id, Form.MI, 0, (op: usize): usize => binaryMI<K, u8>(op));
  define(id, Form.MI, 1, (op: usize): usize => binaryMI<K, u16>(op));
  define(id, Form.MI, 2, (op: usize): usize => binaryMI<K, u32>(op));
  define(id, Form.MI, 3, (op: usize): usize => binaryMI<K, u64>(op));
}

function defineCompare<K>(id: u32): void {
  define(id, Form.RR, 0, (op: usize): usize => compareRR<K, u8>(op));
  define(id, Form.RR, 1, (op: usize): usize => compareRR<K, u16>(op));
  define(id, Form.RR, 2, (op: usize): usize => compareRR<K, u32>(op));
  define(id, Form.RR, 3, (op: usize): usize => compareRR<K, u64>(op));
  define(id, Form.RI, 0, (op: usize): usize => compareRI<K, u8>(op));
  define(id, Form.RI, 1, (op: usize): usize => compareRI<K, u16>(op));
  define(id, Form.RI, 2, (op: usize): usize => compareRI<K, u32>(op));
  define(id, Form.RI, 3, (op: usize): usize => compareRI<K, u64>(op));
  define(id, Form.RM, 0, (op: usize): usize => compareRM<K, u8>(op));
  define(id, Form.RM, 1, (op: usize): usize => compareRM<K, u16>(op));
  define(id, Form.RM, 2, (op: usize): usize => compareRM<K, u32>(op));
  define(id, Form.RM, 3, (op: usize): usize => compareRM<K, u64>(op));
  define(id, Form.MR, 0, (op: usize): usize => compareMR<K, u8>(op));
  define(id, Form.MR, 1, (op: usize): usize => compareMR<K, u16>(op));
  define(id, Form.MR, 2, (op: usize): usize => compareMR<K, u32>(op));
  define(id, Form.MR, 3, (op: usize): usize => compareMR<K, u64>(op));
  define(id, Form.MI, 0, (op: usize): usize => compareMI<K, u8>(op));
  define(id, Form.MI, 1, (op: usize): usize => compareMI<K, u16>(op));
  define(id, Form.MI, 2, (op: usize): usize => compareMI<K, u32>(op));
  define(id, Form.MI, 3, (op: usize): usize => compareMI<K, u64>(op));
}

export function defineUnary<K>(id: u32): void {
  define(id, Form.R, 0, (op: usize): usize => unaryR<K, u8>(op));
  define(id, Form.R, 1, (op: usize): usize => unaryR<K, u16>(op));
  define(id, Form.R, 2, (op: usize): usize => unaryR<K, u32>(op));
  define(id, Form.R, 3, (op: usize): usize => unaryR<K, u64>(op));
  define(id, Form.M, 0, (op: usize): usize => unaryM<K, u8>(op));
  define(id, Form.M, 1, (op: usize): usize => unaryM<K, u16>(op));
  define(id, Form.M, 2, (op: usize): usize => unaryM<K, u32>(op));
  define(id, Form.M, 3, (op: usize): usize => unaryM<K, u64>(op));
}

export function defineAlu(): void {
  defineBinary<Add>(Op.ADD);
  defineBinary<Or>(Op.OR);
  defineBinary<Adc>(Op.ADC);
  defineBinary<Sbb>(Op.SBB);
  defineBinary<And>(Op.AND);
  defineBinary<Sub>(Op.SUB);
  defineBinary<Xor>(Op.XOR);
  defineCompare<Sub>(Op.CMP);
  defineCompare<And>(Op.TEST);
  defineUnary<Inc>(Op.INC);
  defineUnary<Dec>(Op.DEC);
  defineUnary<Not>(Op.NOT);
  defineUnary<Neg>(Op.NEG);
  for (let id: u32 = Op.ADD; id <= <u32>Op.TEST; id++) declareFlags(id, FlagBit.ALL, id == Op.ADC || id == Op.SBB ? FlagBit.C : 0);
  declareFlags(Op.INC, FlagBit.ALL & ~FlagBit.C, 0);
  declareFlags(Op.DEC, FlagBit.ALL & ~FlagBit.C, 0);
  declareFlags(Op.NEG, FlagBit.ALL, 0);
  declareFlags(Op.NOT, 0, 0);
}
