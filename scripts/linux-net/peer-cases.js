import { randomBytes } from 'node:crypto';
import { CaseFailed, check } from '../cases/errors.js';
import { freePort } from '../cases/ports.js';
import { LARGE_TEXT, withNameServer } from './dns-server.js';
import { runScript } from './machine.js';
import { md5, Program, withHttpServer, withPrograms } from './peers.js';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Case } from './machine.js' */

/**
 * What curl.sh asks for.
 *
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
function serveCurl(request, response) {
  const [, what, count] = /^\/(\w+)\/?(\d*)/.exec(request.url ?? '') ?? [];
  switch (what) {
    case 'bytes':
      response.end(Buffer.alloc(Number(count), 'b'));
      break;
    case 'chunked':
      response.write('part');
      response.end('part');
      break;
    case 'count': {
      let bytes = 0;
      request.on('data', data => (bytes += data.length));
      request.on('end', () => response.end(String(bytes)));
      break;
    }
    case 'short':
      response.writeHead(200, { 'content-length': 1000 });
      response.write('some of it', () => response.socket?.end());
      break;
    case 'reset':
      response.writeHead(200, { 'content-length': 1000 });
      response.write('some of it', () => response.socket?.resetAndDestroy());
      break;
    default:
      response.writeHead(404).end();
  }
}

/** Programs in the guest that talk with others on the host's loopback. @type {readonly Case[]} */
export const peerCases = [
  {
    name: 'DHCP, addresses of both families, echoes',
    run: async context => {
      const output = await runScript(context, 'dhcp', []);
      output.expect({
        lease: '10.0.2.15/24 router 10.0.2.2 dns 10.0.2.3 server 10.0.2.2 seconds 86400',
        // Made from the card's address (RFC 4291, appendix A).
        ipv6: 'fec0::5054:ff:fe12:3456/64',
        router: 'fe80::2',
        echo: '',
        echo6: '',
      });
      return output.word('lease');
    },
  },
  {
    name: 'dig',
    run: context =>
      withNameServer(async port => {
        const output = await runScript(context, 'dig', [port]);
        output.expect({
          localhost: '127.0.0.1',
          localhost6: '::1',
          udp: '192.0.2.7',
          tcp: '192.0.2.7',
          udp6: '192.0.2.7',
          // Sixteen strings in quotation marks, with a space between and a line's end.
          truncated: String(LARGE_TEXT + (3 * LARGE_TEXT) / 250),
          status: 'NXDOMAIN',
        });
        return "the network's own names; UDP, TCP, UDP over IPv6, a truncated answer, a name that is not there";
      }),
  },
  {
    name: 'nc',
    needs: [['nc', 'netcat-openbsd']],
    run: async context => {
      const [sinkPort, sourcePort, datagramPort, closed] = [
        await freePort(),
        await freePort(),
        await freePort(),
        await freePort(),
      ];
      const bytes = randomBytes(1_000_000);
      const sink = new Program('nc', ['-v', '-l', '127.0.0.1', sinkPort]);
      const source = new Program('nc', ['-v', '-N', '-l', '127.0.0.1', sourcePort], bytes);
      const datagrams = new Program('nc', ['-v', '-u', '-l', '127.0.0.1', datagramPort]);
      const programs = [sink, source, datagrams];
      const output = await withPrograms(programs, async () => {
        await Promise.all(programs.map(program => program.printed(/^(?:Listening|Bound) on/m)));
        void datagrams.printed(/question/).then(() => datagrams.process.stdin.write('answer\n'));
        const output = await runScript(context, 'nc', [sinkPort, sourcePort, datagramPort, closed]);
        await sink.ended;
        return output;
      });
      output.expect({
        sent: `${md5().update(sink.stdout).digest('hex')}  -`,
        received: `${md5().update(bytes).digest('hex')}  -`,
        datagram: 'answer',
        'closed-udp': '1',
        'closed-udp6': '1',
      });
      check(sink.stdout.length === bytes.length, `netcat on the host has got ${sink.stdout.length} bytes`);
      for (const what of ['closed', 'closed6']) {
        const said = output.word(what);
        if (!said.endsWith('Connection refused'))
          throw new CaseFailed(new Error(`${what}: ${said}`), output.text);
      }
      return '1 MB each way, half-closed; a datagram and its answer; closed TCP and UDP ports are refused';
    },
  },
  {
    name: 'curl',
    run: async context => {
      const closed = await freePort();
      return withHttpServer(serveCurl, async port => {
        const output = await runScript(context, 'curl', [port, closed]);
        output.expect({
          'get 200': '1 100000',
          'head 200': '1 0',
          'missing 404': '1 0',
          'chunked 200': '1 8',
          'ipv6 200': '1 1000',
          'post 200': '1 6',
          counted: '300000',
          // curl(1), exit codes: partial file, failure in receiving, failed to connect.
          'short exit': '18',
          'reset exit': '56',
          'refused exit': '7',
          kept: '1',
          storm: '1000 200',
        });
        return 'both families, bodies with and without lengths, cut short, reset, refused; 100 requests on one connection; 1000 requests, 200 at a time';
      });
    },
  },
];
