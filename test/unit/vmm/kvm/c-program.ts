import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';

const HEADER = '/usr/include/linux/kvm.h';

function hasCompiler(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Why nothing can be compiled against the kernel's headers here, `undefined` when it can. */
export const NO_KVM_HEADERS = !existsSync(HEADER)
  ? `there is no ${HEADER} (Debian: linux-libc-dev)`
  : arch() !== 'x64'
    ? 'the headers are not those of x86-64'
    : !hasCompiler()
      ? 'there is no C compiler'
      : undefined;

/**
 * The values of C expressions, by the machine's own <linux/kvm.h>.
 * @returns by expression; those that the header does not define are missing
 */
export function evaluateInC(expressions: readonly string[]): Map<string, bigint> {
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-kvm-'));
  try {
    const lines = expressions.map(expression => {
      const print = `printf("%s %llu\\n", "${expression}", (unsigned long long)(${expression}));`;
      // A constant may be newer than the header.
      return /^[A-Z0-9_]+$/.test(expression) ? `#ifdef ${expression}\n${print}\n#endif` : print;
    });
    const source = `#include <linux/kvm.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void)\n{\n${lines.join('\n')}\n}\n`;
    const [file, program] = [join(folder, 'values.c'), join(folder, 'values')];
    writeFileSync(file, source);
    execFileSync('cc', ['-o', program, file]);
    const output = execFileSync(program, { encoding: 'utf8' });
    return new Map(
      output
        .trimEnd()
        .split('\n')
        .map(line => {
          const blank = line.lastIndexOf(' ');
          return [line.slice(0, blank), BigInt(line.slice(blank + 1))];
        }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
