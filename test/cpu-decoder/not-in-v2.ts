/**
 * Instructions above x86-64-v2 that later processors encode as something that an x86-64-v2 processor executes, for it
 * ignores the prefix: what becomes of them.
 */
const OLDER_MEANING: Readonly<Record<string, string>> = {
  tzcnt: 'bsf',
  lzcnt: 'bsr',
  wbnoinvd: 'wbinvd',
  vmgexit: 'vmmcall',
};

/** Made of reserved NOPs: CET, MPX, CLDEMOTE. */
const LATER_NOPS = new Set(
  'endbr64 endbr32 rdsspd rdsspq bndmk bndcl bndcu bndcn bndmov bndldx bndstx cldemote prefetchit0 prefetchit1'.split(
    ' ',
  ),
);

/** @returns what an x86-64-v2 processor makes of an instruction */
export function olderMeaning(mnemonic: string): string {
  return LATER_NOPS.has(mnemonic) ? 'nop' : (OLDER_MEANING[mnemonic] ?? mnemonic);
}

/** Others without an encoding of their own: #UD. */
const ABSENT = new Set(
  [
    'aesdec aesdeclast aesenc aesenclast aesimc aeskeygenassist pclmulqdq pclmullqlqdq pclmulhqlqdq pclmullqhqdq pclmulhqhqdq',
    'sha1msg1 sha1msg2 sha1nexte sha1rnds4 sha256msg1 sha256msg2 sha256rnds2 gf2p8affineqb gf2p8affineinvqb gf2p8mulb',
    'adcx adox movdiri movdir64b enqcmd enqcmds ptwrite serialize tpause umonitor umwait hreset pconfig',
    'xsavec xsavec64 xsaves xsaves64 xrstors xrstors64 clflushopt clwb clzero monitor mwait monitorx mwaitx rdpru mcommit',
    'incsspd incsspq rstorssp saveprevssp setssbsy clrssbsy wrssd wrssq wrussd wrussq',
    'clui stui testui uiret senduipi xbegin xend xabort xtest xsusldtrk xresldtrk',
    'vmread vmwrite vmptrld vmptrst vmclear vmxon vmxoff vmlaunch vmresume vmfunc invept invvpid getsec',
    'vmrun vmload vmsave stgi clgi skinit invlpga invlpgb tlbsync psmash pvalidate rmpupdate rmpadjust',
    'encls enclu enclv seamcall seamret seamops tdcall rsm aesenc128kl aesenc256kl aesdec128kl aesdec256kl',
    'aesencwide128kl aesencwide256kl aesdecwide128kl aesdecwide256kl encodekey128 encodekey256 loadiwkey',
    'extrq insertq movntss movntsd femms rdmsrlist wrmsrlist wrmsrns aadd aand aor axor',
    'altinst xstore-rng xcrypt-ecb xcrypt-cbc xcrypt-ctr xcrypt-cfb xcrypt-ofb montmul xsha1 xsha256',
  ]
    .join(' ')
    .split(' '),
);

/** Whether an instruction with an encoding of x86-64-v2 is above x86-64-v2. */
export function isAbsent(mnemonic: string): boolean {
  return ABSENT.has(mnemonic);
}

const LEGACY_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

function isPrefix(byte: number, bits: number): boolean {
  return LEGACY_PREFIXES.has(byte) || (bits === 64 && (byte & 0xf0) === 0x40);
}

/** Whether it is a VEX-, XOP- or EVEX-encoded or a 3DNow! instruction (Intel SDM vol. 2, 2.3; AMD APM vol. 3, 1.2). */
export function hasAbsentEncoding(code: Uint8Array, bits: 16 | 32 | 64): boolean {
  let at = 0;
  while (isPrefix(code[at], bits)) at++;
  // Outside 64-bit mode these are LES, LDS, BOUND unless ModRM would name a register.
  const free = bits === 64 || code[at + 1] >= 0xc0;
  if (code[at] === 0x0f && code[at + 1] === 0x0f) return true;
  if (code[at] === 0x8f) return (code[at + 1] & 0x38) !== 0;
  return free && (code[at] === 0xc4 || code[at] === 0xc5 || code[at] === 0x62);
}
