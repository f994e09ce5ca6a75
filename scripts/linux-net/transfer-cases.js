import { CaseFailed, check } from '../cases/errors.js';
import { freePort } from '../cases/ports.js';
import { runScript } from './machine.js';
import { md5, Program, pseudoRandom, withHttpServer } from './peers.js';

/** @import { Case } from './machine.js' */

/** Files that make up what the guest uploads. */
const UPLOADS = 10;

/** @param {number} bytesASecond */
function speed(bytesASecond) {
  return `${(bytesASecond / 1e6).toFixed(0)} MB/s`;
}

/** Large files, there and back, by their sums. @type {readonly Case[]} */
export const transferCases = [
  {
    name: 'download',
    run: context => {
      const sum = md5();
      return withHttpServer(
        (_request, response) => {
          response.setHeader('content-length', context.bytes);
          pseudoRandom(context.bytes, bytes => void sum.update(bytes)).pipe(response);
        },
        async port => {
          const output = await runScript(context, 'download', [`http://10.0.2.2:${port}/`]);
          output.expect({ sum: sum.digest('hex') });
          const [, bytes, rate] = /^(\d+) bytes, (\d+)/.exec(output.word('download')) ?? [];
          check(Number(bytes) === context.bytes, `the guest has got ${bytes} bytes`);
          return `${context.bytes / 1e6} MB, MD5 equal, ${speed(Number(rate))}`;
        },
      );
    },
  },
  {
    name: 'upload',
    run: context => {
      // The guest keeps the file in memory.
      const size = Math.ceil(context.bytes / UPLOADS);
      /** @type {string[]} */
      const sums = [];
      return withHttpServer(
        (request, response) => {
          const sum = md5();
          request.on('data', bytes => void sum.update(bytes));
          request.on('end', () => {
            sums.push(`${sum.digest('hex')}  -`);
            response.end();
          });
        },
        async port => {
          const output = await runScript(context, 'upload', [`http://10.0.2.2:${port}/`, size, UPLOADS]);
          const expected = output.word('sum');
          check(sums.length === UPLOADS, `the host has got ${sums.length} of ${UPLOADS} files`);
          check(
            sums.every(sum => sum === expected),
            `the sums are ${sums.join(', ')}, not all ${expected}`,
          );
          const rates = [...output.text.matchAll(/^linux-net: upload (\d+) bytes/gm)].map(([, rate]) =>
            Number(rate),
          );
          return `${UPLOADS} × ${size / 1e6} MB, MD5 equal, ${speed(Math.max(...rates))} at most`;
        },
      );
    },
  },
  {
    name: 'download from the guest through a port forward',
    needs: [['curl', 'curl']],
    run: async context => {
      const port = await freePort();
      const bytes = Math.ceil(context.bytes / 10);
      /** @type {string[]} */
      const seen = [];
      let complaints = '';
      const output = await runScript(context, 'httpd', [bytes], {
        hostForwards: [`tcp:127.0.0.1:${port}-:80`],
        meanwhile: async machine => {
          await machine.serial.waitFor('linux-net: serving');
          const curl = new Program('curl', ['-sS', '--fail', `http://127.0.0.1:${port}/data`]);
          const status = await curl.ended;
          check(status === 0, `curl ended with ${status}: ${curl.output}`);
          seen.push(md5().update(curl.stdout).digest('hex'));
          const storm = [
            ...['-sS', '--parallel', '--parallel-immediate', '--parallel-max', '100', '-o', '/dev/null'],
            ...['-w', '%{http_code}\\n', `http://127.0.0.1:${port}/small?[1-300]`],
          ];
          const curls = new Program('curl', storm);
          await curls.ended;
          seen.push(`${curls.stdout.toString().match(/^200$/gm)?.length ?? 0} of 300`);
          complaints = [...new Set(curls.output.split('\n'))].join('; ');
          await machine.serial.write('\n');
        },
      });
      output.expect({ sum: `${seen[0]}  -` });
      if (seen[1] !== '300 of 300')
        throw new CaseFailed(new Error(`${seen[1]} connections were served: ${complaints}`), output.text);
      return `${bytes / 1e6} MB, MD5 equal; 300 connections, 100 at a time`;
    },
  },
];
