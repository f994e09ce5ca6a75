import { connect } from 'node:net';

const TIMEOUT_MS = 10_000;

/**
 * Asks QEMU's monitor, through its machine protocol (QEMU, docs/interop/qmp-spec).
 *
 * @param {string} path of the protocol's socket
 * @param {string[]} commands of the monitor for people, given one after the other
 * @returns {Promise<string>} all answers
 * @throws {Error} when it cannot be reached, refuses, or does not answer within ten seconds
 */
export async function askMonitor(path, commands) {
  const socket = connect(path).setEncoding('utf8');
  const late = setTimeout(() => socket.destroy(new Error('no answer in time')), TIMEOUT_MS);
  /** @param {string} execute @param {object} [members] */
  const send = (execute, members) => socket.write(`${JSON.stringify({ execute, arguments: members })}\n`);
  const waiting = [...commands];
  let answers = '';
  let rest = '';
  try {
    for await (const text of socket) {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const message = JSON.parse(line);
        if (message.error) throw new Error(message.error.desc);
        if (message.QMP) send('qmp_capabilities');
        // Events come between the answers.
        if (message.return === undefined) continue;
        if (typeof message.return === 'string') answers += message.return;
        const command = waiting.shift();
        if (command === undefined) return answers;
        send('human-monitor-command', { 'command-line': command });
      }
    }
    throw new Error('it hung up');
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}
