import { expect, test } from 'vitest';
import { LineClient } from '../../../../scripts/osv/line-client.js';
import { LoopbackServer } from './loopback-server.js';

test('lines and blocks come whole, however they were cut', async () => {
  await using server = await LoopbackServer.listen(socket => {
    socket.setNoDelay(true);
    for (const byte of Buffer.from('first\r\nVALUE 4\r\na\r\nb\r\n\r\nlast\r\n'))
      socket.write(Buffer.of(byte));
  });
  const client = await LineClient.connect(server.port);
  expect(await client.line()).toBe('first');
  expect(await client.line()).toBe('VALUE 4');
  expect((await client.block(4)).toString()).toBe('a\r\nb');
  expect(await client.line()).toBe('');
  expect(await client.line()).toBe('last');
  client.close();
});

test('a block that is longer than was told is an error', async () => {
  await using server = await LoopbackServer.listen(socket => void socket.write('abcdef\r\n'));
  const client = await LineClient.connect(server.port);
  await expect(client.block(4)).rejects.toThrow('a value of 4 bytes does not end where it should');
  client.close();
});

test('whoever waits is told that the server has gone', async () => {
  await using server = await LoopbackServer.listen(socket => void socket.end('half a line'));
  const client = await LineClient.connect(server.port);
  await expect(client.line()).rejects.toThrow('the server has closed the connection');
});
