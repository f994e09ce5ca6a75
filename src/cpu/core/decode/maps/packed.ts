import { Enc, Sz } from '../encodings';
import { Op } from '../operation';
import { OpcodeMap } from '../tables';
import { packed, v } from './entries';

function p2(opcode: u32, op: u32): void { packed(OpcodeMap.TWO, opcode, op); }

export function fillPacked(): void {
  p2(0x60, Op.PUNPCKLBW); p2(0x61, Op.PUNPCKLWD); p2(0x62, Op.PUNPCKLDQ); p2(0x63, Op.PACKSSWB);
  p2(0x64, Op.PCMPGTB); p2(0x65, Op.PCMPGTW); p2(0x66, Op.PCMPGTD); p2(0x67, Op.PACKUSWB);
  p2(0x68, Op.PUNPCKHBW); p2(0x69, Op.PUNPCKHWD); p2(0x6a, Op.PUNPCKHDQ); p2(0x6b, Op.PACKSSDW);
  // The low halves of MMX operands are 4 bytes in memory.
  v(0, 0x60, Op.PUNPCKLBW, Enc.P_Q, Sz.X4); v(0, 0x61, Op.PUNPCKLWD, Enc.P_Q, Sz.X4); v(0, 0x62, Op.PUNPCKLDQ, Enc.P_Q, Sz.X4);
  v(1, 0x6c, Op.PUNPCKLQDQ, Enc.V_W, Sz.X16); v(1, 0x6d, Op.PUNPCKHQDQ, Enc.V_W, Sz.X16);
  v(0, 0x70, Op.PSHUFW, Enc.P_Q_UIB, Sz.X8); v(1, 0x70, Op.PSHUFD, Enc.V_W_UIB, Sz.X16);
  v(2, 0x70, Op.PSHUFHW, Enc.V_W_UIB, Sz.X16); v(3, 0x70, Op.PSHUFLW, Enc.V_W_UIB, Sz.X16);
  p2(0x74, Op.PCMPEQB); p2(0x75, Op.PCMPEQW); p2(0x76, Op.PCMPEQD);
  p2(0xd1, Op.PSRLW); p2(0xd2, Op.PSRLD); p2(0xd3, Op.PSRLQ); p2(0xd4, Op.PADDQ); p2(0xd5, Op.PMULLW);
  p2(0xd8, Op.PSUBUSB); p2(0xd9, Op.PSUBUSW); p2(0xda, Op.PMINUB); p2(0xdb, Op.PAND);
  p2(0xdc, Op.PADDUSB); p2(0xdd, Op.PADDUSW); p2(0xde, Op.PMAXUB); p2(0xdf, Op.PANDN);
  p2(0xe0, Op.PAVGB); p2(0xe1, Op.PSRAW); p2(0xe2, Op.PSRAD); p2(0xe3, Op.PAVGW); p2(0xe4, Op.PMULHUW); p2(0xe5, Op.PMULHW);
  p2(0xe8, Op.PSUBSB); p2(0xe9, Op.PSUBSW); p2(0xea, Op.PMINSW); p2(0xeb, Op.POR);
  p2(0xec, Op.PADDSB); p2(0xed, Op.PADDSW); p2(0xee, Op.PMAXSW); p2(0xef, Op.PXOR);
  p2(0xf1, Op.PSLLW); p2(0xf2, Op.PSLLD); p2(0xf3, Op.PSLLQ); p2(0xf4, Op.PMULUDQ); p2(0xf5, Op.PMADDWD); p2(0xf6, Op.PSADBW);
  p2(0xf8, Op.PSUBB); p2(0xf9, Op.PSUBW); p2(0xfa, Op.PSUBD); p2(0xfb, Op.PSUBQ);
  p2(0xfc, Op.PADDB); p2(0xfd, Op.PADDW); p2(0xfe, Op.PADDD);
}
