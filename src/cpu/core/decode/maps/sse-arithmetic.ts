import { Enc, Sz } from '../encodings';
import { Op } from '../operation';
import { both, v } from './entries';

/** The four forms PS, PD, SS, SD of an arithmetic operation. */
function four(opcode: u32, ps: u32): void {
  v(0, opcode, ps, Enc.V_W, Sz.X16);
  v(1, opcode, ps + 1, Enc.V_W, Sz.X16);
  v(2, opcode, ps + 2, Enc.V_W, Sz.X4);
  v(3, opcode, ps + 3, Enc.V_W, Sz.X8);
}

export function fillSseArithmetic(): void {
  four(0x51, Op.SQRTPS);
  v(0, 0x52, Op.RSQRTPS, Enc.V_W, Sz.X16);
  v(2, 0x52, Op.RSQRTSS, Enc.V_W, Sz.X4);
  v(0, 0x53, Op.RCPPS, Enc.V_W, Sz.X16);
  v(2, 0x53, Op.RCPSS, Enc.V_W, Sz.X4);
  both(0x54, Op.ANDPS, Enc.V_W);
  both(0x55, Op.ANDNPS, Enc.V_W);
  both(0x56, Op.ORPS, Enc.V_W);
  both(0x57, Op.XORPS, Enc.V_W);
  four(0x58, Op.ADDPS);
  four(0x59, Op.MULPS);
  four(0x5c, Op.SUBPS);
  four(0x5d, Op.MINPS);
  four(0x5e, Op.DIVPS);
  four(0x5f, Op.MAXPS);
  v(0, 0x5a, Op.CVTPS2PD, Enc.V_W, Sz.X8);
  v(1, 0x5a, Op.CVTPD2PS, Enc.V_W, Sz.X16);
  v(2, 0x5a, Op.CVTSS2SD, Enc.V_W, Sz.X4);
  v(3, 0x5a, Op.CVTSD2SS, Enc.V_W, Sz.X8);
  v(0, 0x5b, Op.CVTDQ2PS, Enc.V_W, Sz.X16);
  v(1, 0x5b, Op.CVTPS2DQ, Enc.V_W, Sz.X16);
  v(2, 0x5b, Op.CVTTPS2DQ, Enc.V_W, Sz.X16);
  v(1, 0xe6, Op.CVTTPD2DQ, Enc.V_W, Sz.X16);
  v(2, 0xe6, Op.CVTDQ2PD, Enc.V_W, Sz.X8);
  v(3, 0xe6, Op.CVTPD2DQ, Enc.V_W, Sz.X16);
  v(0, 0x2a, Op.CVTPI2PS, Enc.V_Q, Sz.X8);
  v(1, 0x2a, Op.CVTPI2PD, Enc.V_Q, Sz.X8);
  v(2, 0x2a, Op.CVTSI2SS, Enc.V_E, Sz.Y);
  v(3, 0x2a, Op.CVTSI2SD, Enc.V_E, Sz.Y);
  v(0, 0x2c, Op.CVTTPS2PI, Enc.P_W, Sz.X8);
  v(1, 0x2c, Op.CVTTPD2PI, Enc.P_W, Sz.X16);
  v(2, 0x2c, Op.CVTTSS2SI, Enc.G_W, Sz.X4);
  v(3, 0x2c, Op.CVTTSD2SI, Enc.G_W, Sz.X8);
  v(0, 0x2d, Op.CVTPS2PI, Enc.P_W, Sz.X8);
  v(1, 0x2d, Op.CVTPD2PI, Enc.P_W, Sz.X16);
  v(2, 0x2d, Op.CVTSS2SI, Enc.G_W, Sz.X4);
  v(3, 0x2d, Op.CVTSD2SI, Enc.G_W, Sz.X8);
  v(0, 0x2e, Op.UCOMISS, Enc.V_W, Sz.X4);
  v(1, 0x2e, Op.UCOMISD, Enc.V_W, Sz.X8);
  v(0, 0x2f, Op.COMISS, Enc.V_W, Sz.X4);
  v(1, 0x2f, Op.COMISD, Enc.V_W, Sz.X8);
  v(1, 0x7c, Op.HADDPD, Enc.V_W, Sz.X16);
  v(3, 0x7c, Op.HADDPS, Enc.V_W, Sz.X16);
  v(1, 0x7d, Op.HSUBPD, Enc.V_W, Sz.X16);
  v(3, 0x7d, Op.HSUBPS, Enc.V_W, Sz.X16);
  v(1, 0xd0, Op.ADDSUBPD, Enc.V_W, Sz.X16);
  v(3, 0xd0, Op.ADDSUBPS, Enc.V_W, Sz.X16);
  v(0, 0xc2, Op.CMPPS, Enc.V_W_UIB, Sz.X16);
  v(1, 0xc2, Op.CMPPD, Enc.V_W_UIB, Sz.X16);
  v(2, 0xc2, Op.CMPSS, Enc.V_W_UIB, Sz.X4);
  v(3, 0xc2, Op.CMPSD, Enc.V_W_UIB, Sz.X8);
  v(0, 0xc6, Op.SHUFPS, Enc.V_W_UIB, Sz.X16);
  v(1, 0xc6, Op.SHUFPD, Enc.V_W_UIB, Sz.X16);
}
