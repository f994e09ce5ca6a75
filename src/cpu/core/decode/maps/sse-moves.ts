import { Enc, Sz } from '../encodings';
import { Op } from '../operation';
import { W, both, v } from './entries';

export function fillSseMoves(): void {
  both(0x10, Op.MOVUPS, Enc.V_W);
  both(0x11, Op.MOVUPS, Enc.W_V, W);
  v(2, 0x10, Op.MOVSS, Enc.V_W, Sz.X4);
  v(2, 0x11, Op.MOVSS, Enc.W_V, Sz.X4, W);
  v(3, 0x10, Op.MOVSD, Enc.V_W, Sz.X8);
  v(3, 0x11, Op.MOVSD, Enc.W_V, Sz.X8, W);
  // With registers these are MOVHLPS and MOVLHPS, which have no form with 66.
  v(0, 0x12, Op.MOVLPS, Enc.V_W, Sz.X8);
  v(1, 0x12, Op.MOVLPS, Enc.V_M, Sz.X8);
  v(0, 0x16, Op.MOVHPS, Enc.V_W, Sz.X8);
  v(1, 0x16, Op.MOVHPS, Enc.V_M, Sz.X8);
  for (let p: u32 = 0; p < 2; p++) {
    v(p, 0x13, Op.MOVLPS, Enc.M_V, Sz.X8, W);
    v(p, 0x17, Op.MOVHPS, Enc.M_V, Sz.X8, W);
  }
  v(2, 0x12, Op.MOVSLDUP, Enc.V_W, Sz.X16);
  v(3, 0x12, Op.MOVDDUP, Enc.V_W, Sz.X8);
  v(2, 0x16, Op.MOVSHDUP, Enc.V_W, Sz.X16);
  v(0, 0x14, Op.UNPCKLPS, Enc.V_W, Sz.X16);
  v(1, 0x14, Op.UNPCKLPD, Enc.V_W, Sz.X16);
  v(0, 0x15, Op.UNPCKHPS, Enc.V_W, Sz.X16);
  v(1, 0x15, Op.UNPCKHPD, Enc.V_W, Sz.X16);
  both(0x28, Op.MOVAPS, Enc.V_W);
  both(0x29, Op.MOVAPS, Enc.W_V, W);
  both(0x2b, Op.MOVNT, Enc.M_V, W);
  both(0x50, Op.MOVMSKPS, Enc.G_W);
  v(1, 0x50, Op.MOVMSKPD, Enc.G_W, Sz.X16);
  v(0, 0x6e, Op.MOVD, Enc.P_E, Sz.Y);
  v(1, 0x6e, Op.MOVD, Enc.V_E, Sz.Y);
  v(0, 0x7e, Op.MOVD2R, Enc.E_P, Sz.Y, W);
  v(1, 0x7e, Op.MOVD2R, Enc.E_V, Sz.Y, W);
  v(2, 0x7e, Op.MOVQ, Enc.V_W, Sz.X8);
  v(1, 0xd6, Op.MOVQ, Enc.W_V, Sz.X8, W);
  v(0, 0x6f, Op.MOVQ, Enc.P_Q, Sz.X8);
  v(1, 0x6f, Op.MOVAPS, Enc.V_W, Sz.X16);
  v(2, 0x6f, Op.MOVUPS, Enc.V_W, Sz.X16);
  v(0, 0x7f, Op.MOVQ, Enc.Q_P, Sz.X8, W);
  v(1, 0x7f, Op.MOVAPS, Enc.W_V, Sz.X16, W);
  v(2, 0x7f, Op.MOVUPS, Enc.W_V, Sz.X16, W);
  v(0, 0xe7, Op.MOVQ, Enc.M_P, Sz.X8, W);
  v(1, 0xe7, Op.MOVNT, Enc.M_V, Sz.X16, W);
  v(3, 0xf0, Op.MOVUPS, Enc.V_M, Sz.X16);
  v(2, 0xd6, Op.MOVQ2DQ, Enc.V_Q, Sz.X8);
  v(3, 0xd6, Op.MOVDQ2Q, Enc.P_W, Sz.X8);
  v(0, 0xf7, Op.MASKMOVQ, Enc.P_Q, Sz.X8);
  v(1, 0xf7, Op.MASKMOVDQU, Enc.V_W, Sz.X16);
  v(0, 0xd7, Op.PMOVMSKB, Enc.G_Q, Sz.X8);
  v(1, 0xd7, Op.PMOVMSKB, Enc.G_W, Sz.X16);
  v(0, 0xc4, Op.PINSRW, Enc.P_E_UIB, Sz.X2);
  v(1, 0xc4, Op.PINSRW, Enc.V_E_UIB, Sz.X2);
  v(0, 0xc5, Op.PEXTRW, Enc.G_Q_UIB, Sz.X8);
  v(1, 0xc5, Op.PEXTRW, Enc.G_W_UIB, Sz.X16);
  v(0, 0x77, Op.EMMS, Enc.NONE, Sz.NONE);
}
