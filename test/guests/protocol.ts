/**
 * The line protocol in which the guest programs of guests/ report on the serial port (guests/README.md).
 */

/** One line `<guest>.<check> PASS|FAIL <value>`. */
export interface GuestCheck {
  readonly guest: string;
  readonly name: string;
  readonly passed: boolean;
  /** What the guest printed with it, `""` for nothing; `%XX` is decoded, as UTF-8. */
  readonly value: string;
}

/** What a guest's serial output says. */
export interface GuestReport {
  /** From the END line or else from the first check; `undefined` when there is neither. */
  readonly guest: string | undefined;
  /** In the order of the output. */
  readonly checks: readonly GuestCheck[];
  /** The texts of the lines `# <text>`. */
  readonly comments: readonly string[];
  /** Complete lines that are none of the protocol's: what a guest echoes, a firmware's messages. */
  readonly otherLines: readonly string[];
  /** Checks that passed, counted here. */
  readonly passed: number;
  /** Checks that failed, counted here. */
  readonly failed: number;
  /** Whether the END line came. */
  readonly ended: boolean;
  /** Whether the END line came, its two numbers agree with the checks, and nothing failed. */
  readonly succeeded: boolean;
  /** What follows the last line's end: a guest that was stopped in the middle of a line leaves some. */
  readonly unfinished: string;
}

const CHECK = /^([a-z0-9-]+)\.([A-Za-z0-9.-]+) (PASS|FAIL) ?(\S*)$/;
const END = /^([a-z0-9-]+) END (\d+) (\d+)$/;

function decodeToken(token: string): string {
  return token.replace(/(?:%[0-9a-f]{2})+/gi, bytes =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

/** Reads all that a guest wrote to COM1, complete or not. Never throws. */
export function parseGuestOutput(text: string): GuestReport {
  const checks: GuestCheck[] = [];
  const comments: string[] = [];
  const otherLines: string[] = [];
  let end: { guest: string; passed: number; failed: number } | undefined;

  const lines = text.split('\n');
  const unfinished = lines.pop() ?? '';
  for (const line of lines) {
    const check = CHECK.exec(line);
    const summary = END.exec(line);
    if (line.startsWith('# ')) {
      comments.push(line.slice(2));
    } else if (check) {
      const [, guest = '', name = '', verdict, value = ''] = check;
      checks.push({ guest, name, passed: verdict === 'PASS', value: decodeToken(value) });
    } else if (summary) {
      end = { guest: summary[1] ?? '', passed: Number(summary[2]), failed: Number(summary[3]) };
    } else if (line !== '') {
      otherLines.push(line);
    }
  }

  const passed = checks.filter(check => check.passed).length;
  const failed = checks.length - passed;
  return {
    guest: end?.guest ?? checks[0]?.guest,
    checks,
    comments,
    otherLines,
    passed,
    failed,
    ended: end !== undefined,
    succeeded: end !== undefined && end.passed === passed && end.failed === failed && failed === 0,
    unfinished,
  };
}

/** The names of the checks that failed, in the order of the output. */
export function failedChecks(report: GuestReport): string[] {
  return report.checks.flatMap(({ name, passed }) => (passed ? [] : [name]));
}

/** The value of a check by its name, `undefined` when the guest did not make it. */
export function guestValue(report: GuestReport, name: string): string | undefined {
  return report.checks.find(check => check.name === name)?.value;
}
