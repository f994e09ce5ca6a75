import { Attr, Enc, Sz } from '../encodings';
import { Op } from '../operation';
import { OpcodeMap } from '../tables';
import { LAST, W, packed, sse } from './entries';

function p38(opcode: u32, op: u32): void { packed(OpcodeMap.X38, opcode, op); }
function x38(opcode: u32, op: u32, size: u32 = Sz.X16): void { sse(OpcodeMap.X38, 1, opcode, op, Enc.V_W, size); }
function x3a(opcode: u32, op: u32, size: u32 = Sz.X16): void { sse(OpcodeMap.X3A, 1, opcode, op, Enc.V_W_UIB, size); }

export function fillThreeByte(): void {
  p38(0x00, Op.PSHUFB); p38(0x01, Op.PHADDW); p38(0x02, Op.PHADDD); p38(0x03, Op.PHADDSW); p38(0x04, Op.PMADDUBSW);
  p38(0x05, Op.PHSUBW); p38(0x06, Op.PHSUBD); p38(0x07, Op.PHSUBSW); p38(0x08, Op.PSIGNB); p38(0x09, Op.PSIGNW);
  p38(0x0a, Op.PSIGND); p38(0x0b, Op.PMULHRSW); p38(0x1c, Op.PABSB); p38(0x1d, Op.PABSW); p38(0x1e, Op.PABSD);
  x38(0x10, Op.PBLENDVB); x38(0x14, Op.BLENDVPS); x38(0x15, Op.BLENDVPD); x38(0x17, Op.PTEST);
  x38(0x20, Op.PMOVSXBW, Sz.X8); x38(0x21, Op.PMOVSXBD, Sz.X4); x38(0x22, Op.PMOVSXBQ, Sz.X2);
  x38(0x23, Op.PMOVSXWD, Sz.X8); x38(0x24, Op.PMOVSXWQ, Sz.X4); x38(0x25, Op.PMOVSXDQ, Sz.X8);
  x38(0x28, Op.PMULDQ); x38(0x29, Op.PCMPEQQ); x38(0x2a, Op.MOVNTDQA); x38(0x2b, Op.PACKUSDW);
  x38(0x30, Op.PMOVZXBW, Sz.X8); x38(0x31, Op.PMOVZXBD, Sz.X4); x38(0x32, Op.PMOVZXBQ, Sz.X2);
  x38(0x33, Op.PMOVZXWD, Sz.X8); x38(0x34, Op.PMOVZXWQ, Sz.X4); x38(0x35, Op.PMOVZXDQ, Sz.X8);
  x38(0x37, Op.PCMPGTQ); x38(0x38, Op.PMINSB); x38(0x39, Op.PMINSD); x38(0x3a, Op.PMINUW); x38(0x3b, Op.PMINUD);
  x38(0x3c, Op.PMAXSB); x38(0x3d, Op.PMAXSD); x38(0x3e, Op.PMAXUW); x38(0x3f, Op.PMAXUD); x38(0x40, Op.PMULLD); x38(0x41, Op.PHMINPOSUW);
  sse(OpcodeMap.X38, 1, 0x82, Op.INVPCID, Enc.G_M, Sz.MODE, LAST | Attr.NO_ACCESS);
  for (let prefix: u32 = 0; prefix < 2; prefix++) {
    sse(OpcodeMap.X38, prefix, 0xf0, Op.MOVBE, Enc.G_M, Sz.V);
    sse(OpcodeMap.X38, prefix, 0xf1, Op.MOVBE, Enc.E_G, Sz.V, W);
  }
  sse(OpcodeMap.X38, 3, 0xf0, Op.CRC32, Enc.G_EB, Sz.Y);
  sse(OpcodeMap.X38, 3, 0xf1, Op.CRC32, Enc.G_E, Sz.V);
  sse(OpcodeMap.X3A, 0, 0x0f, Op.PALIGNR, Enc.P_Q_UIB, Sz.X8);
  x3a(0x08, Op.ROUNDPS); x3a(0x09, Op.ROUNDPD); x3a(0x0a, Op.ROUNDSS, Sz.X4); x3a(0x0b, Op.ROUNDSD, Sz.X8);
  x3a(0x0c, Op.BLENDPS); x3a(0x0d, Op.BLENDPD); x3a(0x0e, Op.PBLENDW); x3a(0x0f, Op.PALIGNR);
  x3a(0x21, Op.INSERTPS, Sz.X4); x3a(0x40, Op.DPPS); x3a(0x41, Op.DPPD); x3a(0x42, Op.MPSADBW);
  x3a(0x60, Op.PCMPESTRM); x3a(0x61, Op.PCMPESTRI); x3a(0x62, Op.PCMPISTRM); x3a(0x63, Op.PCMPISTRI);
  sse(OpcodeMap.X3A, 1, 0x14, Op.PEXTRB, Enc.E_V_UIB, Sz.X1, W);
  sse(OpcodeMap.X3A, 1, 0x15, Op.PEXTRW, Enc.E_V_UIB, Sz.X2, W);
  sse(OpcodeMap.X3A, 1, 0x16, Op.PEXTRD, Enc.E_V_UIB, Sz.Y, W);
  sse(OpcodeMap.X3A, 1, 0x17, Op.EXTRACTPS, Enc.E_V_UIB, Sz.X4, W);
  sse(OpcodeMap.X3A, 1, 0x20, Op.PINSRB, Enc.V_E_UIB, Sz.X1);
  sse(OpcodeMap.X3A, 1, 0x22, Op.PINSRD, Enc.V_E_UIB, Sz.Y);
}
